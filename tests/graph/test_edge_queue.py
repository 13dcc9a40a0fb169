"""The queue of edges beside a plain sorted list."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from napari_gdls.graph.edge_queue import EDGE, GONE, LEFT, change_cost, cheapest, drop, edge_queue

# Ties, neighbours, costs that share the first and the last bucket, and ones many buckets apart.
COSTS = st.one_of(
    st.sampled_from([0.0, 1e-300, 0.01, 1.0, np.nextafter(1.0, 2), 38.0, 1e13, 1e300]),
    st.floats(0, 1e6, allow_nan=False),
    st.floats(30, 40),
)


class QueueOfEdges(RuleBasedStateMachine):
    """Edges change their costs, go, and are asked for, in any order."""

    def __init__(self):
        super().__init__()
        self.left = {}

    @precondition(lambda self: not self.left)
    @rule(costs=st.lists(COSTS, min_size=1, max_size=60))
    def begins(self, costs):
        edges = np.zeros(len(costs), dtype=EDGE)
        edges["cost"] = costs
        self.queue = edge_queue(edges)
        self.left = dict(enumerate(costs))

    @precondition(lambda self: self.left)
    @rule(data=st.data(), cost=COSTS)
    def cost_changes(self, data, cost):
        edge = data.draw(st.sampled_from(sorted(self.left)))
        change_cost(*self.queue, edge, cost)
        self.left[edge] = cost

    @precondition(lambda self: self.left)
    @rule(data=st.data())
    def goes(self, data):
        edge = data.draw(st.sampled_from(sorted(self.left)))
        drop(*self.queue, edge)
        del self.left[edge]

    @precondition(lambda self: self.left)
    @rule()
    def cheapest_goes(self):
        edge = cheapest(*self.queue)
        assert edge == min(self.left, key=lambda e: (self.left[e], e))
        drop(*self.queue, edge)
        del self.left[edge]

    @precondition(lambda self: self.left)
    @rule(cost=COSTS)
    def cheapest_becomes_dearer(self, cost):
        """As where a cost has risen meanwhile."""
        edge = cheapest(*self.queue)
        assert edge == min(self.left, key=lambda e: (self.left[e], e))
        change_cost(*self.queue, edge, self.left[edge] + cost)
        self.left[edge] += cost

    @invariant()
    def it_knows_what_is_left(self):
        if hasattr(self, "queue"):
            assert self.queue.buckets[LEFT] == len(self.left)
            assert set(np.flatnonzero(self.queue.edges["place"] != GONE)) == set(self.left)
            for edge, cost in self.left.items():
                assert self.queue.edges["cost"][edge] == cost


TestQueueOfEdges = QueueOfEdges.TestCase
TestQueueOfEdges.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
