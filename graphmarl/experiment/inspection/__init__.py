"""Inspection of trained policies: recording, tables, importance, probes and pictures."""

from graphmarl.experiment.inspection.inspection import Inspection as Inspection
from graphmarl.experiment.inspection.inspection import inspect as inspect
