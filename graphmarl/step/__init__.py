"""The interface of environments: `Spec`, `Step` and `Environment`, and the checks of both sides."""

from graphmarl.step.check import check_action as check_action
from graphmarl.step.check import check_step as check_step
from graphmarl.step.interface import Environment as Environment
from graphmarl.step.interface import Scene as Scene
from graphmarl.step.interface import Spec as Spec
from graphmarl.step.interface import Step as Step
from graphmarl.step.interface import Weighted as Weighted
