"""Multi-agent particle environments (MPE) with many agents."""

from graphmarl.envs.particle.heterogeneous_navigation import (
    HeterogeneousNavigation as HeterogeneousNavigation,
)
from graphmarl.envs.particle.navigation import Navigation as Navigation
from graphmarl.envs.particle.prey_predator import PreyPredator as PreyPredator
from graphmarl.envs.particle.push import Push as Push
