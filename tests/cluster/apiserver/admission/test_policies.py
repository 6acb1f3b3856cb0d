"""ValidatingAdmissionPolicy: what is matched, what is said, within which bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.apiserver.admission import policies
from cluster.apiserver.admission.cel import Budget, CelError, Exhausted, program, value_of
from cluster.apiserver.admission.review import DELETE, UPDATE, Review
from cluster.errors import StatusError
from tests.cluster.apiserver.admission.stand import named, review_of, sources
from tests.cluster.apiserver.cluster import config_map, deployment, pod

Object = dict[str, Any]
DEPLOYMENTS = {
    "apiGroups": ["apps"],
    "apiVersions": ["v1"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["deployments"],
}
SMALL = {"expression": "object.spec.replicas <= 5"}


def policy(*validations: Object, rules: Object = DEPLOYMENTS, **spec: Any) -> Object:
    constraints = {"resourceRules": [rules]}
    return named(policies.POLICY, "p", spec={"matchConstraints": constraints, "validations": [*validations], **spec})


def binding(*actions: str, **spec: Any) -> Object:
    return named(policies.BINDING, "b", spec={"policyName": "p", "validationActions": [*actions] or ["Deny"], **spec})


def judged(review: Review, *objects: Object) -> str:
    """What a policy says, "" for nothing."""
    found = ""
    try:
        policies.validate(review, sources(*objects))
    except StatusError as error:
        found = error.message
    assert not found or found.startswith(f'{review.kind.qualified} "{review.name}" is forbidden: ')
    return found.partition("denied request: ")[2]


def test_a_policy_that_is_bound_denies() -> None:
    review = review_of(deployment("d", 6))
    assert judged(review, policy(SMALL)) == ""
    with pytest.raises(StatusError) as caught:
        policies.validate(review, sources(policy(SMALL), binding()))
    told = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: object.spec.replicas <= 5"
    assert caught.value.message == f'deployments.apps "d" is forbidden: {told}'
    assert (caught.value.reason, caught.value.code) == ("Invalid", 422)
    assert caught.value.details["causes"] == [{"message": told}]
    assert judged(review_of(deployment("d", 5)), policy(SMALL), binding()) == ""


MESSAGES = (
    ({"message": "too many"}, "too many"),
    ({"messageExpression": "'at most 5, not ' + string(object.spec.replicas)"}, "at most 5, not 6"),
    ({"messageExpression": "object.nothing", "message": "too many"}, "too many"),
    ({"messageExpression": "5"}, "failed expression: object.spec.replicas <= 5"),
)


@pytest.mark.parametrize(("more", "told"), MESSAGES)
def test_messages(more: Object, told: str) -> None:
    assert judged(review_of(deployment("d", 6)), policy({**SMALL, **more}), binding()) == told


@pytest.mark.parametrize(
    ("reason", "code"), [("Forbidden", 403), ("Unauthorized", 401), ("RequestEntityTooLarge", 413)]
)
def test_reasons(reason: str, code: int) -> None:
    with pytest.raises(StatusError) as caught:
        policies.validate(review_of(deployment("d", 6)), sources(policy({**SMALL, "reason": reason}), binding()))
    assert caught.value.code == code


def test_warn_and_audit_let_it_pass() -> None:
    review = review_of(deployment("d", 6))
    assert judged(review, policy({**SMALL, "message": "no"}), binding("Warn", "Audit")) == ""
    assert review.warnings == ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no"]
    assert json.loads(review.annotations[policies.FAILURE]) == [
        {"message": "no", "policy": "p", "binding": "b", "expressionIndex": 0, "validationActions": ["Warn", "Audit"]}
    ]


LARGE = deployment("d", 6)
MATCHED: tuple[tuple[Review, Object, Object, bool], ...] = (
    (review_of(LARGE), {}, {}, True),
    (review_of(LARGE, DELETE), {}, {}, False),
    (review_of(LARGE, UPDATE, LARGE, sub="status"), {}, {}, False),
    (review_of(pod("d")), {}, {}, False),
    (review_of(LARGE), {"objectSelector": {"matchLabels": {"a": "b"}}}, {}, False),
    (review_of(LARGE), {"namespaceSelector": {"matchLabels": {"a": "b"}}}, {}, True),
    (review_of(LARGE), {}, {"namespaceSelector": {"matchLabels": {"a": "c"}}}, False),
    (review_of(LARGE), {"excludeResourceRules": [DEPLOYMENTS]}, {}, False),
    (review_of(LARGE), {}, {"resourceRules": [{**DEPLOYMENTS, "resourceNames": ["other"]}]}, False),
    (review_of(LARGE), {}, {"resourceRules": [{**DEPLOYMENTS, "resourceNames": ["d"]}]}, True),
    (review_of(LARGE), {}, {"resourceRules": [{**DEPLOYMENTS, "resources": ["*"]}]}, True),
    (review_of(LARGE), {}, {"resourceRules": [{**DEPLOYMENTS, "resources": ["deployments/*"]}]}, True),
    (review_of(LARGE), {}, {"resourceRules": [{**DEPLOYMENTS, "apiGroups": ["*"], "scope": "Cluster"}]}, False),
)


@pytest.mark.parametrize(("review", "constraints", "bound", "said"), MATCHED)
def test_what_is_matched(review: Review, constraints: Object, bound: Object, said: bool) -> None:
    space = named("Namespace", "default")
    space["metadata"]["labels"] = {"a": "b"}
    held = policy({"expression": "false"})
    held["spec"]["matchConstraints"] |= constraints
    assert bool(judged(review, held, binding(matchResources=bound), space)) is said


CONDITIONS = (
    ("object.spec.replicas > 100", False),
    ("request.userInfo.username == 'jane'", True),
    ("!('devs' in request.userInfo.groups)", False),
    ("request.operation == 'CREATE' && oldObject == null", True),
)


@pytest.mark.parametrize(("expression", "said"), CONDITIONS)
def test_match_conditions(expression: str, said: bool) -> None:
    held = policy(SMALL, matchConditions=[{"name": "c", "expression": expression}])
    assert bool(judged(review_of(deployment("d", 6)), held, binding())) is said


def test_variables_parameters_and_the_namespace() -> None:
    space = named("Namespace", "default")
    space["metadata"]["labels"] = {"size": "big"}
    held = policy(
        {"expression": "variables.total <= variables.most", "message": "too many"},
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        variables=[
            {"name": "most", "expression": "int(params.data.most) * (variables.big ? 2 : 1)"},
        ],
    )
    held["spec"]["variables"][:0] = [
        {"name": "big", "expression": "namespaceObject.metadata.labels['size'] == 'big'"},
        {"name": "broken", "expression": "object.not.there"},
        {"name": "total", "expression": "object.spec.replicas"},
    ]
    bound = binding(paramRef={"name": "bounds", "namespace": "default", "parameterNotFoundAction": "Deny"})
    bounds = config_map("bounds", most="3")
    assert judged(review_of(deployment("d", 6)), held, bound, bounds, space) == ""
    assert judged(review_of(deployment("d", 7)), held, bound, bounds, space) == "too many"
    missing = "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
    assert judged(review_of(deployment("d", 1)), held, bound, space) == missing
    allowed = binding(paramRef={"name": "bounds", "parameterNotFoundAction": "Allow"})
    assert judged(review_of(deployment("d", 100)), held, allowed, space) == ""
    chosen = binding(paramRef={"selector": {}, "parameterNotFoundAction": "Deny"})
    assert judged(review_of(deployment("d", 100)), held, chosen, bounds, space) == "too many"


def test_an_expression_without_a_value_fails_as_the_policy_wants() -> None:
    broken = {"expression": "object.spec.nothing == 1"}
    told = "expression 'object.spec.nothing == 1' resulted in error: no such key: nothing"
    assert judged(review_of(deployment("d")), policy(broken), binding()) == told
    assert judged(review_of(deployment("d")), policy(broken, failurePolicy="Ignore"), binding()) == ""
    assert judged(review_of(deployment("d")), policy({"expression": "("}), binding()).startswith("expression '('")


def test_audit_annotations() -> None:
    review = review_of(deployment("d", 2))
    told = [{"key": "size", "valueExpression": "'replicas: ' + string(object.spec.replicas)"}]
    assert judged(review, policy(auditAnnotations=told), binding()) == ""
    assert review.annotations == {"p/size": "replicas: 2"}


def test_what_decides_does_not_decide_about_itself() -> None:
    everything = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}
    held = policy({"expression": "false"}, rules=everything)
    assert judged(review_of(policy()), held, binding()) == ""
    assert judged(review_of(config_map("c")), held, binding()) != ""


def test_steps_are_bounded() -> None:
    endless = "object.all(a, object.all(b, object.all(c, a + b + c >= 0)))"
    with pytest.raises(Exhausted):
        program(endless).evaluate({"object": value_of(list(range(100)))}, Budget(500))
    costly = policy({"expression": "variables.l.all(a, variables.l.all(b, variables.l.all(c, a == a)))"})
    costly["spec"]["variables"] = [{"name": "l", "expression": str(list(range(60)))}]
    assert judged(review_of(deployment("d")), costly, binding()) == policies.OVER_BUDGET


VALUES = (
    ("'Foo'.lowerAscii()", "foo"),
    ("'a,b'.split(',').join('-')", "a-b"),
    ("'%s has %d'.format(['x', 3])", "x has 3"),
    ("'abc-123'.find('[0-9]+')", "123"),
    ("'a1b2'.findAll('[0-9]')", ["1", "2"]),
    ("[1, 2, 3].sum()", 6),
    ("[3, 1].isSorted()", False),
    ("['a', 'b'].indexOf('b')", 1),
    ("sets.contains(['a', 'b'], ['a'])", True),
    ("sets.intersects(['a'], ['b'])", False),
    ("quantity('2Gi').isGreaterThan(quantity('1G'))", True),
    ("quantity('1500m').compareTo(quantity('1.5'))", 0),
    ("isQuantity('1x')", False),
    ("has(object.b) || object.a == 1", True),
    ("object.nothing == 1 || true", True),
    ("'foo'.substring(1)", "oo"),
    ("' a '.trim()", "a"),
    ("type(object.a) == int", True),
    ("{'k': [1, 2]}['k'][1]", 2),
)


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_expressions(expression: str, value: Any) -> None:
    found = program(expression).evaluate({"object": value_of({"a": 1})}, Budget())
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("expression", "told"),
    [("nope", "undeclared reference to 'nope'"), ("object.b", "no such key: b"), ("1 / 0", "divide by zero")],
)
def test_expressions_without_a_value(expression: str, told: str) -> None:
    with pytest.raises(CelError) as caught:
        program(expression).evaluate({"object": value_of({"a": 1})}, Budget())
    assert told in str(caught.value)


def test_expressions_that_cannot_be_read() -> None:
    for text, told in (("!(", "Syntax error"), ("", "expression is required"), ("1" * 20000, "letters")):
        with pytest.raises(CelError, match=told):
            program(text)
