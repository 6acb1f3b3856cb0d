"""Which leadership a write means, and what a member may say of a message that it does not take.

Pure. Must not know requests; it asks the raft node who leads.

What changes anything names the term of the leadership that it is addressed to. Only the leader of that term takes it,
and each message once. Everything else is refused; for certain, if no copy of the message was taken before and none
ever will be. None will: clients know only terms in which somebody has led, and nobody begins to lead in such a term
again, no other member and no later boot of the same one (term and vote are on its disk). None was, if this member
never led in that term, or remembers what it was asked since. Of terms up to its start, in which an earlier boot may
have led, and of those before its last leadership, it does not know; then clients ask who leads by now
(store.happened).
"""

from __future__ import annotations

from cluster.errors import StatusError
from store.raft.node import Node, NotLeaderError, Role
from store.sessions import Session


def not_leader(name: str, leader: str, term: int) -> StatusError:
    """`term`: the one in which `leader` is known to lead; 0: in none yet, for leadership is on its way there. What is
    told here is what clients will name, so no term may be told before somebody has led in it."""
    if not leader:
        return StatusError("NotLeader", f"{name} knows no leader")
    details = {"leader": leader, "term": term} if term else {"leader": leader}
    if leader == name:
        return StatusError("NotLeader", f"{name} leads in term {term}, and the request names another", details)
    return StatusError("NotLeader", f"{name} does not lead, {leader} does", details)


class Leaderships:
    """`forgotten`: up to this term it is not known what was taken. `term`: in which this member led last, or leads; 0:
    in none since its start."""

    def __init__(self, name: str, node: Node, recovered: int) -> None:
        self.forgotten = recovered
        self.term = 0
        self._name = name
        self._node = node
        self._met: dict[tuple[str, int], Session] = {}

    def begins(self, term: int) -> None:
        self.forgotten = max(self.forgotten, self.term)
        self.term = term
        self._met = {}  # what came before names an earlier term

    def is_copy(self, src: str, boot: int, id: int) -> bool:
        """Is it the second copy of a message? The first one is answered, or will be. Whose id is older than the last
        1,024 of its sender counts as a copy too: it finds no answer, which is never wrong."""
        met = self._met.get((src, boot))
        if met is None:
            met = self._met[src, boot] = Session(0, set())
        return not met.first_time(id)

    def now(self) -> int | None:
        """The term in which this member leads, if it does."""
        return self._node.term if self._node.role is Role.LEADER else None

    def leads_in(self) -> int:
        """The same. StatusError NotLeader."""
        if self._node.role is not Role.LEADER:
            raise self.not_leader()
        return self._node.term

    def check(self, named: int) -> None:
        """Is it today's leadership that a first copy means? StatusError as `not_taken`."""
        if named != self.now():
            raise self.not_taken(named)

    def not_taken(self, named: int) -> StatusError:
        """For a first copy that names that term: NotLeader; or Dropped, indefinite, if another copy may have been taken
        before this member's memory begins."""
        error = self.not_leader()
        if named == 0 or named > self.forgotten:
            return error
        text = f"{self._name} may have taken it in term {named}, of which it remembers nothing"
        return StatusError("Dropped", text, error.details)

    def not_leader(self) -> StatusError:
        return not_leader(self._name, self._node.leader, self._node.term)

    def refusal(self, error: NotLeaderError) -> StatusError:
        """While leadership is handed over, the heir leads in no term yet."""
        known = error.leader == self._node.leader
        return not_leader(self._name, error.leader, self._node.term if known else 0)
