"""The cells of an ablation: which there are and what they are called."""

import pytest

from graphmarl.experiment.sweep import grid, written
from graphmarl.resolver import split_name

ENV = "grid_agreement:num_envs=2"


def test_cells_are_the_product_of_methods_graphs_and_varied_options():
    cells = grid(
        ["dgn:hidden=16", "iql"],
        ENV,
        ["knn:k=3", "complete"],
        ["graph.refresh=1,5", "method.batch_size=8,16", "env.num_envs=2"][:2],
    )
    assert len(cells) == len({cell.name for cell in cells}) == 2 * 2 * 2 * 2
    first = cells[0]
    assert first.name == "dgn_hidden=16-knn_k=3-graph.refresh=1-method.batch_size=8"
    assert first.method == "dgn:hidden=16,batch_size=8"
    assert first.graph == "knn:k=3,refresh=1"
    assert cells[-1].name == "iql-complete-graph.refresh=5-method.batch_size=16"
    assert cells[-1].config().graph_options == {"refresh": 5}


def test_without_graphs_each_method_has_its_own():
    cells = grid(["dgn", "iql"], ENV)
    assert [cell.name for cell in cells] == ["dgn-knn_k=3", "iql-none"]


def test_names_are_safe_unique_and_not_too_long():
    options = ",".join(f"{name}=0.12345678901" for name in ("learning_rate", "gamma", "tau"))
    many = [f"iql:{options},epsilon=0.1234567890123,final_epsilon=0.0{n}" for n in (1, 2)]
    cells = grid(many, ENV, ["knn:k=3"])
    assert len({cell.name for cell in cells}) == 2
    assert all(len(cell.name) < 150 and "/" not in cell.name for cell in cells)
    assert all(set(",:/ ").isdisjoint(cell.name) for cell in cells)


@pytest.mark.parametrize(
    ("options", "text"),
    [({}, "a"), ({"k": 3, "p": 0.5, "on": True, "no": None}, "a:k=3,p=0.5,on=true,no=none")],
)
def test_what_is_written_is_read_back(options, text):
    assert written("a", options) == text
    typed = {"k": "3", "p": "0.5", "on": "true", "no": "none"}
    assert split_name(text, "graph") == ("a", typed if options else {})
    name = ("mine:Env", {"make": "games:walk", "k": "3"})
    assert split_name("mine:Env:make=games:walk,k=3", "environment") == name
    with pytest.raises(ValueError, match="cannot be written as one word"):
        written("a", {"lengths": [6, 6]})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"methods": ["dgm"]}, "no method is called 'dgm'; there are"),
        ({"env": "grid"}, "no environment is called 'grid'; there are"),
        ({"graphs": ["kn"]}, "no graph is called 'kn'; there are"),
        ({"methods": ["iql:rounds=1"]}, "has no option 'rounds'; its options are"),
        ({"vary": ["method.rounds=1"]}, "has no option 'rounds'; its options are"),
        ({"vary": ["rounds=1,2"]}, "write part.option=value,value where part is method, env or gr"),
        ({"vary": ["method.batch_size=1,"]}, "cannot vary 'method.batch_size=1,'"),
        (
            {"vary": ["method.batch_size=4", "method.batch_size=8"]},
            "method.batch_size is varied twice",
        ),
        ({"graphs": ["knn:k=3"], "vary": ["graph.k=1,2"]}, "option k is given twice"),
        ({"graphs": ["knn", "knn"]}, "iql, .*, knn comes twice"),
        ({"vary": ["graph.k=0"], "graphs": ["knn"]}, "k is 0"),
    ],
)
def test_a_mistake_says_what_is_allowed(words, message):
    with pytest.raises(ValueError, match=message):
        grid(**{"methods": ["iql"], "env": ENV, **words})


def test_long_options_are_left_out_of_names():
    long = "dgn:learning_rate=0.001,batch_size=128,gradient_steps=2,learning_starts=2000"
    cells = grid([long], "sensor", ["knn:k=3", "none"], ["method.layers=1,2"])
    assert cells[0].name == "dgn-knn_k=3-method.layers=1"
    # Two that would be called the same are told apart.
    cells = grid([long, long + ",gamma=0.5"], "sensor", ["none"])
    assert len({cell.name for cell in cells}) == 2
    assert all(cell.name.startswith("dgn-none-") for cell in cells)
