"""Didactic environments with known optimal returns."""

from graphmarl.envs.didactic.grid_agreement import GridAgreement as GridAgreement
from graphmarl.envs.didactic.hallway import Hallway as Hallway
from graphmarl.envs.didactic.independent_search import IndependentSearch as IndependentSearch
from graphmarl.envs.didactic.relay import Relay as Relay
from graphmarl.envs.didactic.sensor import Sensor as Sensor
