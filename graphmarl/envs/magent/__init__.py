"""Tasks on MAgent2's grid world."""

from graphmarl.envs.magent.gather import Gather as Gather
