"""SMAC's team reward and termination."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graphmarl.envs.skirmish.unit_stats import UnitStats


@dataclass(frozen=True)
class RewardOptions:
    """Options of SMAC's team reward, with SMAC's names and defaults.

    Args:
        reward_sparse: reward only the outcome: 1, -1 or, without a winner, 0.
        reward_only_positive: ignore damage to and deaths of allies.
        reward_death_value: reward of each enemy killed.
        reward_win: reward of a win.
        reward_defeat: reward of a defeat, at most 0 for a penalty.
        reward_negative_scale: weight of damage to and deaths of allies.
        reward_scale: scale rewards so that their maximum sum is `reward_scale_rate`.
        reward_scale_rate: maximum sum of scaled rewards.
    """

    reward_sparse: bool = False
    reward_only_positive: bool = True
    reward_death_value: float = 10.0
    reward_win: float = 200.0
    reward_defeat: float = 0.0
    reward_negative_scale: float = 0.5
    reward_scale: bool = True
    reward_scale_rate: float = 20.0


class RewardFunction:
    """Team reward and termination of a battle.

    Args:
        stats: properties of the units.
        options: options of the reward.
    """

    def __init__(self, stats: UnitStats, options: RewardOptions) -> None:
        self.stats, self.options, self.agents = stats, options, stats.num_allies
        whole = (stats.hp + stats.shield)[self.agents :]
        self.most = float(
            options.reward_win + options.reward_death_value * len(whole) + whole.sum()
        )
        self.factor = options.reward_scale_rate / self.most if options.reward_scale else 1.0
        self.fighter = (stats.heals == 0).T
        self.heals = not bool(self.fighter[:, : self.agents].all())

    def end(self, alive: Tensor) -> tuple[Tensor, Tensor]:
        """Whether the battle is over, and whether the allies have won, `(B,)` each.

        A side with healers only has lost. If both sides have healers only, the allies have lost if
        they started with healers, as on SMAC's maps, and won if not, as on NDQ's. If both sides are
        eliminated in the same step, the battle is over without a winner.
        """
        allies, enemies = alive[:, : self.agents], alive[:, self.agents :]
        lost, won = (~side.any(1) for side in (allies, enemies))
        helpless = [~lost & ~self._fights(allies, 0), ~won & ~self._fights(enemies, self.agents)]
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
        """Team reward, `(B,)`.

        Args:
            before: health plus shield of each unit before the step, `(B, N)`.
            after: health plus shield of each unit after the step, `(B, N)`.
            alive: whether each unit is alive before and after the step.
            end: whether the battle is over, and whether the allies have won.
        """
        options, over, won = self.options, *end
        lost = (over & ~won & alive[1][:, self.agents :].any(1)).float()
        if options.reward_sparse:
            return (won.float() - lost) * self.factor
        loss = ((before - after) * alive[0]).contiguous()
        kills = (alive[0] & ~alive[1]).float()
        enemy = loss[:, self.agents :].sum(1)
        enemy = enemy + options.reward_death_value * kills[:, self.agents :].sum(1)
        if options.reward_only_positive:
            reward = enemy.abs()
        else:
            own = loss[:, : self.agents].sum(1)
            own = own + options.reward_death_value * kills[:, : self.agents].sum(1)
            reward = enemy - options.reward_negative_scale * own
        reward = reward + options.reward_win * won + options.reward_defeat * lost
        return reward * self.factor
