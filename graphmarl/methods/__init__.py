"""Methods, one file per publication; a class is imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphmarl.resolver import Registry, lazy_attributes, lookup

if TYPE_CHECKING:
    from graphmarl.learners import Learner
    from graphmarl.methods.base import Method
    from graphmarl.methods.coma import COMA
    from graphmarl.methods.commnet import CommNet
    from graphmarl.methods.dgn import DGN
    from graphmarl.methods.flatland_winner import FlatlandWinner
    from graphmarl.methods.g2anet import G2ANet
    from graphmarl.methods.ip import IP
    from graphmarl.methods.ippo import IPPO
    from graphmarl.methods.iql import IQL
    from graphmarl.methods.maddpg import MADDPG, MADDPGS
    from graphmarl.methods.mamba import MAMBA, MAMBASmall
    from graphmarl.methods.mappo import MAPPO
    from graphmarl.methods.mfq import MFQ
    from graphmarl.methods.ndq import NDQ
    from graphmarl.methods.neurcomm import NeurComm
    from graphmarl.methods.nvif import NVIFDQN, NVIFPPO
    from graphmarl.methods.pic import PIC
    from graphmarl.methods.qmix import QMIX
    from graphmarl.methods.qtran import QTRAN
    from graphmarl.methods.table import method_table
    from graphmarl.methods.tarmac import TarMAC, TarMACQMIX
    from graphmarl.methods.vdn import VDN
    from graphmarl.methods.vpp import VPP

METHODS: Registry[type[Learner]] = Registry(
    __name__,
    {
        "ippo": "ippo:IPPO",
        "mappo": "mappo:MAPPO",
        "coma": "coma:COMA",
        "nvif_ppo": "nvif:NVIFPPO",
        "nvif_dqn": "nvif:NVIFDQN",
        "iql": "iql:IQL",
        "vdn": "vdn:VDN",
        "qmix": "qmix:QMIX",
        "qtran": "qtran:QTRAN",
        "ndq": "ndq:NDQ",
        "commnet": "commnet:CommNet",
        "g2anet": "g2anet:G2ANet",
        "tarmac": "tarmac:TarMAC",
        "tarmac_qmix": "tarmac:TarMACQMIX",
        "neurcomm": "neurcomm:NeurComm",
        "flatland_winner": "flatland_winner:FlatlandWinner",
        "dgn": "dgn:DGN",
        "mfq": "mfq:MFQ",
        "vpp": "vpp:VPP",
        "ip": "ip:IP",
        "maddpg": "maddpg:MADDPG",
        "maddpgs": "maddpg:MADDPGS",
        "pic": "pic:PIC",
        "mamba": "mamba:MAMBA",
        "mamba_small": "mamba:MAMBASmall",
    },
)

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        **METHODS.modules,
        "Method": "graphmarl.methods.base",
        "method_table": "graphmarl.methods.table",
    },
)


def find_method(name: str) -> type[Learner]:
    """The class of a method.

    Args:
        name: a name in `METHODS`, or `module:Class` for one of your own.

    Raises:
        ValueError: an unknown name, or a class that is no method.
    """
    from graphmarl.learners import Learner  # here, as it imports PyTorch

    return lookup("method", name, METHODS, Learner)


__all__ = [
    "COMA",
    "CommNet",
    "DGN",
    "FlatlandWinner",
    "G2ANet",
    "IP",
    "IPPO",
    "IQL",
    "MADDPG",
    "MADDPGS",
    "MAMBA",
    "MAMBASmall",
    "MAPPO",
    "METHODS",
    "Method",
    "MFQ",
    "NDQ",
    "NVIFDQN",
    "NVIFPPO",
    "NeurComm",
    "PIC",
    "QMIX",
    "QTRAN",
    "TarMAC",
    "TarMACQMIX",
    "VDN",
    "VPP",
    "find_method",
    "method_table",
]
