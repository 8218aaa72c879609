"""Graph builders: transforms that add edges to a batch of agents."""

from graphmarl.graphs.base import GraphBuilder as GraphBuilder
from graphmarl.graphs.direction import Directional as Directional
from graphmarl.graphs.distance import KNN as KNN
from graphmarl.graphs.distance import Radius as Radius
from graphmarl.graphs.features import Distance as Distance
from graphmarl.graphs.features import RelativePosition as RelativePosition
from graphmarl.graphs.make import GRAPHS as GRAPHS
from graphmarl.graphs.make import WRAPPERS as WRAPPERS
from graphmarl.graphs.make import find_graph as find_graph
from graphmarl.graphs.make import make_graph as make_graph
from graphmarl.graphs.make import typed_graph as typed_graph
from graphmarl.graphs.shuffle import ShuffleEdges as ShuffleEdges
from graphmarl.graphs.topology import Complete as Complete
from graphmarl.graphs.topology import Links as Links
from graphmarl.graphs.topology import NoEdges as NoEdges
from graphmarl.graphs.topology import Random as Random
from graphmarl.graphs.wrappers import Delay as Delay
from graphmarl.graphs.wrappers import DropEdges as DropEdges
from graphmarl.graphs.wrappers import Refresh as Refresh
