"""What trains see, found by walking along flatland's own transitions, one cell after the other."""

import math

MOVES = [(-1, 0), (0, 1), (1, 0), (0, -1)]
CROSSING = 0b1000010000100001


def norm(distance):
    return 0.0 if math.isinf(distance) else distance / 100 - 10


def sign(value):
    return 1.0 if value else -1.0


class Walker:
    """Looks at one moment of an engine.

    Args:
        engine: at any moment of an episode.
    """

    def __init__(self, engine):
        self.env, self.trains = engine.env, engine.trains
        self.rail = self.env.rail
        agents = self.env.agents
        self.targets = [next(iter(agent.targets))[0] for agent in agents]
        self.on = {
            agent.current_configuration[0]: number
            for number, agent in enumerate(agents)
            if agent.current_configuration is not None
        }
        self.distance = self.env.distance_map.get()

    def exits(self, cell, direction):
        """Places after this one, from the left to the right, and back."""
        allowed = self.rail.get_transitions((cell, direction))
        turned = [(direction + turn) % 4 for turn in (-1, 0, 1, 2)]
        return [((cell[0] + MOVES[d][0], cell[1] + MOVES[d][1]), d) for d in turned if allowed[d]]

    def total(self, cell):
        return bin(int(self.rail.get_full_transitions(*cell))).count("1")

    def direction(self, number):
        return self.env.agents[number].current_configuration[1]

    def segment(self, place):
        """Cells with directions until something is to be decided."""
        cells = [place]
        while True:
            cell, direction = cells[-1]
            after = self.exits(cell, direction)
            if cell in self.targets or self.total(cell) == 1 or len(after) != 1:
                return cells
            cells.append(after[0])

    def barred(self, cells):
        """Steps to the first switch that leaves no choice."""
        for step, (cell, direction) in enumerate(cells, 1):
            crossing = int(self.rail.get_full_transitions(*cell)) == CROSSING
            if self.total(cell) > 2 and not crossing and len(self.exits(cell, direction)) == 1:
                return step
        return math.inf

    def node(self, me, place, before, beyond):
        cells = self.segment(place)
        met = [
            (step, self.on[cell], direction)
            for step, (cell, direction) in enumerate(cells, 1)
            if self.on.get(cell, me) != me
        ]
        goal = self.targets[me]
        (row, column), direction = cells[-1]
        distance = self.distance[me, row, column, direction]
        along = [j for _, j, d in met if self.direction(j) == d]
        against = [j for _, j, d in met if self.direction(j) != d]
        free = [(j, d) for _, j, d in met if not self.trains.deadlocked[j]]
        stuck = len(free) < len(met)
        features = [
            sign(not beyond),
            norm(met[0][0]) if met else 0.0,
            norm(len(cells)),
            norm(self.barred(cells)),
            0.0 if beyond else norm(distance) - norm(before),
            0.0 if beyond else norm(distance + len(cells)) - norm(before),
            sign(len(along) >= 1),
            sign(len(along) >= 2),
            sign(len(against) >= 1),
            sign(len(against) >= 2),
            sign(any(j > me for j in against)),
            sign(not free or self.direction(free[0][0]) == free[0][1]),
            sign(max(along, default=-1) >= max(against, default=-1)),
            sign(stuck),
        ]
        after = [] if stuck else self.exits(*cells[-1])
        hears = {free[0][0]} if free else set()
        beyond = beyond or (row, column) == goal
        return features, hears, (after, distance, beyond)

    def look(self, me):
        """The 205 numbers of a train, and whom it meets first."""
        agent = self.env.agents[me]
        cell, direction = agent.current_configuration or agent.initial_configuration
        distance = self.distance[me, cell[0], cell[1], direction]
        first = self.exits(cell, direction)
        waits = agent.state.is_off_map_state()
        near = False
        if len(first) == 1:
            cells = self.segment(first[0])
            near = len(cells) == 1 or self.barred(cells) == 1
        there = agent.current_configuration is not None
        broken = agent.malfunction_handler.malfunction_down_counter > 0
        numbers = [
            cell[0] / 100,
            cell[1] / 100,
            self.trains.handle[me],
            sign(self.trains.deadlocked[me]),
            sign(not broken),
            norm(distance),
            sign(there and self.total(cell) > 2),
            sign(near),
            sign(waits and not broken),
        ]
        hears, level = set(), [(first, distance, False)]
        for _ in range(3):
            following = []
            for after, before, beyond in level:
                for place in [*after, None, None][:2]:
                    if place is None:
                        numbers += [0.0] * 14
                        following.append(([], 0.0, False))
                        continue
                    features, met, child = self.node(me, place, before, beyond)
                    numbers += features
                    hears |= met
                    following.append(child)
            level = following
        return numbers, hears
