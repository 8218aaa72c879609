"""Methods, one file per publication."""

from graphmarl.learners import Learner
from graphmarl.methods.base import Method, method_table
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
from graphmarl.methods.tarmac import TarMAC, TarMACQMIX
from graphmarl.methods.vdn import VDN
from graphmarl.methods.vpp import VPP
from graphmarl.resolver import lookup

METHODS: dict[str, type[Learner]] = {
    "ippo": IPPO,
    "mappo": MAPPO,
    "coma": COMA,
    "nvif_ppo": NVIFPPO,
    "nvif_dqn": NVIFDQN,
    "iql": IQL,
    "vdn": VDN,
    "qmix": QMIX,
    "qtran": QTRAN,
    "ndq": NDQ,
    "commnet": CommNet,
    "g2anet": G2ANet,
    "tarmac": TarMAC,
    "tarmac_qmix": TarMACQMIX,
    "neurcomm": NeurComm,
    "flatland_winner": FlatlandWinner,
    "dgn": DGN,
    "mfq": MFQ,
    "vpp": VPP,
    "ip": IP,
    "maddpg": MADDPG,
    "maddpgs": MADDPGS,
    "pic": PIC,
    "mamba": MAMBA,
    "mamba_small": MAMBASmall,
}


def find_method(name: str) -> type[Learner]:
    """The class of a method.

    Args:
        name: a name in `METHODS`, or `module:Class` for one of your own.

    Raises:
        ValueError: an unknown name, or a class that is no method.
    """
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
