"""Tasks on MAgent2's grid world."""

from graphmarl.envs.magent.battle import Battle as Battle
from graphmarl.envs.magent.gather import Gather as Gather
from graphmarl.envs.magent.jungle import Jungle as Jungle
