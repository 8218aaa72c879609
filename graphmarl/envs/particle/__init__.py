"""Particle worlds: many small discs that push and are pushed."""

from graphmarl.envs.particle.navigation import Navigation as Navigation
