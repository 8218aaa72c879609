"""The collector plays exactly what happens, and nothing it keeps changes later."""

import torch
from toy import Toy

from graphmarl.agent_graph import agent_graph
from graphmarl.data import Collector, RandomEpisodes, Trajectory
from graphmarl.graphs import make_graph


class Scripted:
    """Acts by the observation and the memory, and remembers how often it acted."""

    device = torch.device("cpu")
    memory_size = 1

    def act(self, graph, memory):
        action = (graph.x[:, 0] + memory[:, 0]).long() % 2
        return action, {"value": memory[:, 0] * 1.0, "log_prob": graph.x[:, 3]}, memory + 1

    def last_value(self, graph, memory):
        return memory[:, 0] * 1.0


def collect(steps: int = 60, rollout_length: int = 10, graph: str = "knn:k=1") -> list[Trajectory]:
    collector = Collector(Toy(), make_graph(graph), Scripted(), steps, rollout_length, seed=3)
    return list(collector)


def test_trajectories_join_into_the_play_of_a_plain_loop():
    env, policy = Toy(), Scripted()
    step = env.reset(3)
    memory = torch.zeros(12, 1)
    for trajectory in collect():
        for t in range(trajectory.num_steps):
            assert torch.equal(trajectory.obs[t], step.obs)
            assert torch.equal(trajectory.alive[t], step.alive)
            action, _, memory = policy.act(agent_graph(step, env.spec), memory)
            assert torch.equal(trajectory.action[t].flatten(), action)
            step = env.step(action.view(4, 3))
            assert torch.equal(trajectory.reward[t], step.reward)
            assert torch.equal(trajectory.valid[t], step.valid)
            assert torch.equal(trajectory.survived[t], step.alive)
            assert torch.equal(trajectory.terminated[t], step.terminated)
            assert torch.equal(trajectory.truncated[t], step.truncated)
            memory = memory * step.valid.repeat_interleave(3)[:, None]


def test_memory_is_zero_where_an_episode_begins_and_counts_from_there():
    for trajectory in collect():
        expected = trajectory.time[..., None].expand_as(trajectory.stored["value"])
        assert torch.equal(trajectory.stored["value"].long(), expected)


def test_seams_are_not_counted_as_transitions():
    trajectories = collect()
    assert trajectories[-1].env_steps == sum(int(t.valid.sum()) for t in trajectories)
    assert trajectories[-1].env_steps >= 60 > trajectories[-2].env_steps
    assert all(not t.acted[~t.valid].any() for t in trajectories)


def test_a_trajectory_gives_back_the_graphs_that_were_played():
    builder = make_graph("random:k=1,drop=0.3")
    seen = []

    class Watching(Scripted):
        def act(self, graph, memory):
            seen.append(graph.clone())
            return super().act(graph, memory)

    collector = Collector(Toy(), builder, Watching(), 20, 5)
    for number, trajectory in enumerate(collector):
        played = seen[number * 5 : number * 5 + 5]
        for t, graph in enumerate(played):
            again = trajectory.graph(t)
            for name in ("x", "pos", "alive", "edge_index", "available", "last_action", "state"):
                assert torch.equal(again[name], graph[name]), name
        whole = trajectory.graph()
        assert whole.num_edges == sum(graph.num_edges for graph in played)
        assert whole.x is not None
        assert torch.equal(whole.x, torch.cat([graph.x for graph in played]))


def played(graph: str) -> list[tuple[Trajectory, int]]:
    return [(each, t) for each in collect(graph=graph) for t in range(each.num_steps)]


def test_what_is_heard_with_a_delay_was_true_before_in_the_same_episode():
    # The policy reads no edges, so that both runs play the same steps.
    true, late = played("radius:r=2"), played("radius:r=2,delay=2")
    used = 0
    for at, (trajectory, t) in enumerate(late):
        for b in range(trajectory.num_envs):
            found = trajectory.edges.select(torch.tensor([t * 4 + b]))[0].T.tolist()
            if trajectory.time[t, b] < 2:
                assert found == []
                continue
            passed = [true[at - ago] for ago in (0, 1, 2)]
            alive = torch.stack([each.alive[time, b] for each, time in passed]).all(0)
            before, then = passed[2]
            sent = before.edges.select(torch.tensor([then * 4 + b]))[0].T.tolist()
            assert found == [[i, j] for i, j in sent if alive[i] and alive[j]]
            said = before.obs[then, b].flatten(1).float()
            assert torch.equal(trajectory.stored["heard_x"][t, b], said)
            used += len(found)
    assert used > 50


def test_returns_are_of_whole_episodes():
    collector = Collector(Toy(num_envs=1), make_graph("none"), Scripted(), 40, 10)
    rewards, sums = [], []
    for trajectory in collector:
        for t in range(10):
            rewards.append(float(trajectory.reward[t].sum()))
            if trajectory.terminated[t] | trajectory.truncated[t]:
                sums.append(sum(rewards))
                rewards = []
    assert [episode["return"] for episode in collector.finished] == sums


def test_random_episodes_end_where_they_end():
    data = RandomEpisodes(Toy(), make_graph("complete"), episodes=8, seed=1)
    data.setup("fit")
    assert len(data.trajectories) == 2
    for trajectory in data.trajectories:
        ended = (trajectory.terminated | trajectory.truncated).long().cumsum(0)
        after = torch.cat([torch.zeros(1, 4, dtype=torch.long), ended[:-1]]) > 0
        assert not trajectory.alive[after].any()
        assert trajectory.alive[0].all()
        assert trajectory.obs.dtype == torch.float16
        assert not (trajectory.action[trajectory.time < 2] == 2).any(), "illegal action"
