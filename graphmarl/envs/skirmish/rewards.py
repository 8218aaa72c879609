"""What a step of combat is worth, and which end it makes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graphmarl.envs.skirmish.unit_stats import Army


@dataclass(frozen=True)
class Pay:
    """SMAC's reward of the team, with its names and defaults.

    Args:
        reward_sparse: pay only the end: 1, -1 or, if nobody won, 0.
        reward_only_positive: do not count what allies lose.
        reward_death_value: for each enemy killed.
        reward_win: for a win.
        reward_defeat: for a defeat, so that a punishment is below 0.
        reward_negative_scale: weight of what allies lose.
        reward_scale: make the most that there is to win `reward_scale_rate`.
        reward_scale_rate: that number.
    """

    reward_sparse: bool = False
    reward_only_positive: bool = True
    reward_death_value: float = 10.0
    reward_win: float = 200.0
    reward_defeat: float = 0.0
    reward_negative_scale: float = 0.5
    reward_scale: bool = True
    reward_scale_rate: float = 20.0


class Judge:
    """Pays the team and says who has won.

    Args:
        army: the constants of the units.
        pay: what is paid for.
    """

    def __init__(self, army: Army, pay: Pay) -> None:
        self.army, self.pay, self.agents = army, pay, army.num_allies
        whole = (army.hp + army.shield)[self.agents :]
        self.most = float(pay.reward_win + pay.reward_death_value * len(whole) + whole.sum())
        self.factor = pay.reward_scale_rate / self.most if pay.reward_scale else 1.0
        self.fighter = (army.heals == 0).T
        self.heals = not bool(self.fighter[:, : self.agents].all())

    def end(self, alive: Tensor) -> tuple[Tensor, Tensor]:
        """Whether it is over, and whether the allies have won, `(B,)` each.

        A side of healers alone has lost. If neither side fights any more, the allies have lost if
        they began with healers, as on SMAC's maps, and won if not, as on NDQ's. Where both are gone
        in the same step, it is over and nobody has won.
        """
        ours, theirs = alive[:, : self.agents], alive[:, self.agents :]
        lost, won = (~side.any(1) for side in (ours, theirs))
        helpless = [~lost & ~self._fights(ours, 0), ~won & ~self._fights(theirs, self.agents)]
        defeat = (lost & ~won) | helpless[0]
        victory = (won & ~lost) | helpless[1]
        if self.heals:
            victory = victory & ~defeat
        else:
            defeat = defeat & ~victory
        return defeat | victory | (lost & won), victory

    def _fights(self, alive: Tensor, first: int) -> Tensor:
        return (alive & self.fighter[:, first : first + alive.shape[1]]).any(1)

    def reward(
        self,
        before: Tensor,
        after: Tensor,
        alive: tuple[Tensor, Tensor],
        end: tuple[Tensor, Tensor],
    ) -> Tensor:
        """What the team gets, `(B,)`.

        Args:
            before: health and shield of each unit, `(B, N)`.
            after: the same, after the step.
            alive: before and after.
            end: over, won.
        """
        pay, over, won = self.pay, *end
        lost = (over & ~won & alive[1][:, self.agents :].any(1)).float()
        if pay.reward_sparse:
            return (won.float() - lost) * self.factor
        loss = (before - after) * alive[0]
        kills = (alive[0] & ~alive[1]).float()
        enemy = loss[:, self.agents :].sum(1)
        enemy = enemy + pay.reward_death_value * kills[:, self.agents :].sum(1)
        if pay.reward_only_positive:
            reward = enemy.abs()
        else:
            own = loss[:, : self.agents].sum(1)
            own = own + pay.reward_death_value * kills[:, : self.agents].sum(1)
            reward = enemy - pay.reward_negative_scale * own
        reward = reward + pay.reward_win * won + pay.reward_defeat * lost
        return reward * self.factor
