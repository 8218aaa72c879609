"""Unrolled variational inference in pairwise Markov random fields with given potentials.

The field is p(a) = exp( sum_i theta_i(a_i) + sum_ij theta_ij(a_i, a_j) ) / Z. Edges come in both
directions, as in an agent graph; the potential of edge i -> j is theta_ij with the sender's action
first, and that of j -> i is its transpose.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.utils import scatter


def reverse_edges(edge_index: Int[Tensor, "2 edge"], num_nodes: int) -> Int[Tensor, " edge"]:
    """Index of the reverse edge j -> i of each edge i -> j; -1 if there is none."""
    sender, receiver = edge_index.long()
    key, wanted = sender * num_nodes + receiver, receiver * num_nodes + sender
    if not len(key):
        return key
    ordered, order = key.sort()
    place = torch.searchsorted(ordered, wanted).clamp(max=len(key) - 1)
    return torch.where(ordered[place] == wanted, order[place], -1)


def cavity(
    messages: Float[Tensor, "edge size"],
    edge_index: Int[Tensor, "2 edge"],
    reverse: Int[Tensor, " edge"],
    num_nodes: int,
    reweight: float = 1.0,
) -> tuple[Float[Tensor, "edge size"], Float[Tensor, "row size"]]:
    """Cavity sums of incoming messages, without the receiver's own, and the total per node.

    For edge i -> j the cavity sum is rho sum_{k in N_i} nu_ki - nu_ji. With rho = 1 this is the sum
    over k other than j, so that nothing is sent straight back (Bethe). With rho < 1 messages are
    weighted as in tree-reweighted belief propagation (Wainwright et al. 2003), where rho is the
    share of spanning trees that contain an edge.

    Args:
        messages: nu_ij of each edge.
        edge_index: both directions of each pair.
        reverse: index of the reverse of each edge, see `reverse_edges`.
        num_nodes: number of rows.
        reweight: rho.

    Returns:
        The cavity sum of each edge, and rho sum_{k in N_i} nu_ki of each row.
    """
    total = reweight * scatter(messages, edge_index[1], dim_size=num_nodes)
    back = messages[reverse] * (reverse >= 0)[:, None]
    return total[edge_index[0]] - back, total


def damped(new: Tensor, old: Tensor, damping: float) -> Tensor:
    """Damped update: (1 - damping) new + damping old."""
    return torch.lerp(new, old, damping) if damping else new


def mean_field(
    unary: Float[Tensor, "row action"],
    pairwise: Float[Tensor, "edge action action"],
    edge_index: Int[Tensor, "2 edge"],
    rounds: int,
    damping: float = 0.0,
) -> Float[Tensor, "row action"]:
    """Mean-field marginals q_i after a number of parallel updates (VPP, eq. 3).

    log q_i(a_i) = c_i + theta_i(a_i) + sum_{j in N_i} E_{q_j}[ theta_ij(a_i, a_j) ], for all i in
    parallel, starting from q_i = softmax(theta_i).

    Args:
        unary: theta_i.
        pairwise: theta_ij for each directed edge, the sender's action first.
        edge_index: both directions of each pair.
        rounds: number of updates, M.
        damping: share of the old distribution that is kept in each round.
    """
    q = unary.softmax(-1)
    for _ in range(rounds):
        expected = torch.einsum("ea,eab->eb", q[edge_index[0]], pairwise)
        aggregated = scatter(expected, edge_index[1], dim_size=len(unary))
        q = damped((unary + aggregated).softmax(-1), q, damping)
    return q


def belief_propagation(
    unary: Float[Tensor, "row action"],
    pairwise: Float[Tensor, "edge action action"],
    edge_index: Int[Tensor, "2 edge"],
    rounds: int,
    damping: float = 0.0,
    reweight: float = 1.0,
) -> Float[Tensor, "row action"]:
    """Marginals by loopy belief propagation (VPP, eq. 6); exact on trees.

    log nu_ij(a_j) = c + log sum_{a_i} exp( theta_i + theta_ij / rho + cavity_ij(a_i) ), and
    finally log q_i = c + theta_i + rho sum_k log nu_ki. Messages are uniform at first: after M
    rounds a marginal depends on potentials up to M hops away.

    Args:
        unary: theta_i.
        pairwise: theta_ij for each directed edge, the sender's action first.
        edge_index: both directions of each pair.
        rounds: number of rounds, M.
        damping: share of the old messages that is kept in each round.
        reweight: rho; 1 is the Bethe approximation.

    Raises:
        ValueError: an edge has no reverse.
    """
    reverse = reverse_edges(edge_index, len(unary))
    if (reverse < 0).any():
        raise ValueError("a Markov random field is not directed; an edge has no reverse")
    log_nu = torch.zeros(edge_index.shape[1], unary.shape[1], dtype=unary.dtype)
    for _ in range(rounds):
        incoming, _ = cavity(log_nu, edge_index, reverse, len(unary), reweight)
        joint = (unary[edge_index[0]] + incoming)[:, :, None] + pairwise / reweight
        log_nu = damped(joint.logsumexp(1).log_softmax(-1), log_nu, damping)
    _, total = cavity(log_nu, edge_index, reverse, len(unary), reweight)
    return (unary + total).softmax(-1)
