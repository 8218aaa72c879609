"""What is paid, and who has won."""

import pytest
import torch
from fields import stats_of

from graphmarl.envs.skirmish import Skirmish
from graphmarl.envs.skirmish.rewards import RewardFunction, RewardOptions

MOST = {
    "3m": 365,
    "8m": 640,
    "2s3z": 200 + 50 + 2 * 160 + 3 * 150,
    "MMM": 200 + 100 + 7 * 45 + 2 * 125 + 150,
    "3s_vs_5z": 200 + 50 + 5 * 150,
    "corridor": 200 + 240 + 24 * 35,
    "5m_vs_6m": 200 + 60 + 6 * 45,
    "MMM2": 200 + 120 + 8 * 45 + 3 * 125 + 150,
    "1c3s5z": 200 + 90 + 350 + 3 * 160 + 5 * 150,
    "2s_vs_1sc": 200 + 10 + 300,
    "bane_vs_bane": 200 + 240 + 20 * 35 + 4 * 30,
}


@pytest.mark.parametrize("name", MOST)
def test_the_most_there_is_to_win(name):
    reward_function = Skirmish(name, num_envs=1).reward_function
    assert reward_function.most == MOST[name]
    assert reward_function.factor == pytest.approx(20 / MOST[name])


def paid(before, after, stats="1 marine 1 zealot", enemies="1 stalker 1 marine", **options):
    """The reward of a step from and to sums of health and shield, scaled only if it is said."""
    reward_function = RewardFunction(
        stats_of(stats, enemies), RewardOptions(**({"reward_scale": False} | options))
    )
    before, after = torch.tensor([before]), torch.tensor([after])
    alive = before > 0, after > 0
    return reward_function.reward(before, after, alive, reward_function.end(alive[1])).item()


def test_damage_counts_and_each_kill_ten_more():
    assert paid([45.0, 150, 160, 45], [45.0, 150, 150, 40]) == 15
    assert paid([45.0, 150, 160, 5], [45.0, 150, 160, 0]) == 5 + 10
    assert paid([45.0, 150, 160, 0], [45.0, 150, 150, 0]) == 10
    assert paid([45.0, 150, 160, 5], [45.0, 150, 160, 0], reward_death_value=3) == 5 + 3


def test_what_allies_lose_counts_only_if_asked_for():
    before, after = [45.0, 150, 160, 45], [0.0, 130, 150, 45]
    assert paid(before, after) == 10
    lost = 45 + 20 + 10
    assert paid(before, after, reward_only_positive=False) == 10 - 0.5 * lost
    given = {"reward_only_positive": False, "reward_negative_scale": 0.25}
    assert paid(before, after, **given) == 10 - 0.25 * lost


def test_enemies_that_recover_pay_too_as_in_smac():
    assert paid([45.0, 150, 100, 45], [45.0, 150, 108, 45]) == 8
    assert paid([45.0, 150, 100, 45], [45.0, 150, 108, 39]) == 2
    assert paid([45.0, 150, 100, 45], [45.0, 150, 108, 45], reward_only_positive=False) == -8


def test_a_win_and_a_defeat():
    end = [45.0, 150, 5, 0], [45.0, 150, 0, 0]
    assert paid(*end) == 5 + 10 + 200
    assert paid(*end, reward_win=7) == 5 + 10 + 7
    most = 7 + 20 + 160 + 45
    assert paid(*end, reward_win=7, reward_scale=True) == pytest.approx(22 * 20 / most)
    assert paid(*end, reward_win=7, reward_scale=True, reward_scale_rate=10) == pytest.approx(
        22 * 10 / most
    )
    end = [5.0, 0, 160, 0], [0.0, 0, 150, 0]
    assert paid(*end) == 10
    assert paid(*end, reward_defeat=-3) == 7


def test_both_gone_at_once_is_neither():
    assert paid([5.0, 0, 5, 0], [0.0, 0, 0, 0], reward_defeat=-3) == 15
    assert paid([5.0, 0, 5, 0], [0.0, 0, 0, 0], reward_sparse=True) == 0


def test_sparse_rewards_pay_the_end_alone():
    assert paid([45.0, 150, 160, 45], [45.0, 150, 10, 0], reward_sparse=True) == 0
    assert paid([45.0, 150, 5, 0], [45.0, 150, 0, 0], reward_sparse=True) == 1
    assert paid([5.0, 0, 5, 0], [0.0, 0, 5, 0], reward_sparse=True, reward_defeat=-9) == -1
    scaled = paid([45.0, 150, 5, 0], [45.0, 150, 0, 0], reward_sparse=True, reward_scale=True)
    assert scaled == pytest.approx(20 / (200 + 20 + 160 + 45))


WON, LOST, DRAWN, GOES_ON = (True, True), (True, False), (True, False), (False, False)


@pytest.mark.parametrize(
    ("armies", "alive", "expected"),
    [
        (("2 marine", "2 marine"), [1, 0, 0, 1], GOES_ON),
        (("2 marine", "2 marine"), [1, 0, 0, 0], WON),
        (("2 marine", "2 marine"), [0, 0, 0, 1], LOST),
        (("2 marine", "2 marine"), [0, 0, 0, 0], DRAWN),
        # A side of medivacs has lost, and the allies if that is true of both.
        (("1 marine 1 medivac", "1 marine 1 medivac"), [1, 1, 0, 1], WON),
        (("1 marine 1 medivac", "1 marine 1 medivac"), [0, 1, 1, 0], LOST),
        (("1 marine 1 medivac", "1 marine 1 medivac"), [0, 1, 0, 1], LOST),
        (("1 marine 1 medivac", "1 marine 1 medivac"), [0, 0, 0, 1], LOST),
        (("1 marine 1 medivac", "1 marine 1 medivac"), [0, 1, 1, 1], LOST),
        # Banelings that die with the hydralisk have won over its medivac.
        (("2 baneling", "1 hydralisk 1 medivac"), [0, 0, 0, 1], WON),
        (("2 baneling", "1 hydralisk 1 medivac"), [1, 0, 0, 1], WON),
        (("2 baneling", "1 hydralisk 1 medivac"), [0, 0, 1, 1], LOST),
        (("2 baneling", "1 hydralisk 1 medivac"), [0, 0, 1, 0], LOST),
    ],
)
def test_the_end(armies, alive, expected):
    reward_function = RewardFunction(stats_of(*armies), RewardOptions())
    over, won = reward_function.end(torch.tensor([alive]).bool())
    assert (over.item(), won.item()) == expected


def test_banelings_that_meet_at_the_hydralisk_win():
    env = Skirmish("3b_vs_1h1m", num_envs=1)
    env.reset(0)
    env.position = torch.tensor([[[15.0, 30], [17, 30], [16, 30], [16, 31], [16, 31]]])
    step = env.step(torch.full((1, 3), 6))
    assert step.terminated.all()
    assert step.info["win"].tolist() == [1]
    # 80 of the hydralisk, 10 and 200, of 80 + 150 + 20 + 200.
    assert step.reward.sum().item() == pytest.approx(290 / 450 * 20)


def played(env):
    """Who has won after a game of attacks on the first in range, and the sum of rewards."""
    step, total = env.reset(3), torch.zeros(env.num_envs)
    over, won = torch.zeros(2, env.num_envs, dtype=torch.bool)
    while not over.all():
        attacks = step.available[..., 6:]
        action = torch.where(attacks.any(2), attacks.float().argmax(2) + 6, 1 * step.alive)
        step = env.step(action)
        total = total + step.reward.sum(1) * ~over
        won = won | (step.info["win"] > 0) & ~over
        over = over | step.done
    return won, total


@pytest.mark.parametrize("name", ["3m", "8m"])
def test_a_clean_win_is_worth_twenty(name):
    env = Skirmish(name, num_envs=2)
    env.stats.hurts[env.agents :] = 0  # the enemies shoot with blanks
    env.combat.volley.hurts = env.stats.hurts.flatten()
    won, total = played(env)
    assert won.all()
    assert total.tolist() == pytest.approx([20, 20], abs=1e-4)


def test_rewards_are_of_those_who_lived_and_sum_to_the_team_s():
    env = Skirmish("3m", num_envs=1)
    env.reset(0)
    env.position = torch.tensor([[[10.0, 16], [10, 17], [10, 18], [14, 16], [14, 17], [14, 18]]])
    env.health = torch.tensor([[45.0, 45, 0, 45, 45, 45]])
    env.target = torch.full((1, 6), -1)
    step = env.step(torch.tensor([[6, 6, 0]]))
    # One shot of each in half a second, of 6 points each, scaled by 20 / 365.
    assert step.reward[0].tolist() == pytest.approx([6 * 20 / 365, 6 * 20 / 365, 0])
