#!/usr/bin/env python3
"""Exports the suites of AgentDojo with recorded tool results, so that a replay needs no Python and no model.

    pip install agentdojo==0.1.35
    python3 export.py --out DIR [--version v1.2.2]

For every task the reference calls are run in the package's own environment, once as it is and once with a canary in
every place where an attacker's text can stand. The attacks' own calls are run in a fresh environment each. What each
result is goes into one JSON file per suite. Nothing is downloaded but the package.
"""

import argparse
import datetime
import json
import pathlib
import sys

CANARY = "<CANARY---{vector}--->"


def plain(value):
    """The JSON of a tool's result: models as objects, sets and tuples as lists, dates as texts."""
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if isinstance(value, dict):
        return {str(key): plain(element) for key, element in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(element) for element in value]
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime.datetime) else value.isoformat()
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return str(value)


def run_calls(suite, environment, calls, as_text):
    """Runs calls one after another in `environment` and records what each gave and whether it changed anything."""
    from agentdojo.functions_runtime import FunctionsRuntime

    runtime = FunctionsRuntime(suite.tools)
    steps = []
    for call in calls:
        before = environment.model_dump_json()
        result, error = runtime.run_function(environment, call.function, dict(call.args), raise_on_error=False)
        steps.append({
            "function": call.function,
            "args": plain(dict(call.args)),
            "result": None if error else plain(result),
            "result_text": str(error) if error else as_text(result),
            "mutates": environment.model_dump_json() != before,
        })
    return steps


def pointers(value, needle, path=""):
    """JSON pointers (RFC 6901) of every text in `value` that holds `needle`."""
    if isinstance(value, str):
        return [path] if needle in value else []
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return []
    escaped = lambda key: str(key).replace("~", "~0").replace("/", "~1")
    return [found for key, element in items for found in pointers(element, needle, f"{path}/{escaped(key)}")]


def export_user_task(suite, task, defaults, as_text):
    """One task: its reference calls as they are, and with canaries."""
    canaries = {vector: CANARY.format(vector=vector) for vector in defaults}
    found = {}
    for name, injections in (("steps", {}), ("steps_with_canaries", canaries)):
        environment = task.init_environment(suite.load_and_inject_default_environment(injections))
        found[name] = run_calls(suite, environment, task.ground_truth(environment), as_text)
    carries = {}
    for place, step in enumerate(found["steps_with_canaries"]):
        for vector, canary in canaries.items():
            where = pointers(step["result"], canary)
            if where:
                carries.setdefault(vector, []).append({"step": place, "function": step["function"], "pointers": where})
    tainted = [carry["step"] for places in carries.values() for carry in places]
    return {
        "id": task.ID,
        "prompt": task.PROMPT,
        "difficulty": getattr(task.DIFFICULTY, "name", str(task.DIFFICULTY)),
        "ground_truth_output": task.GROUND_TRUTH_OUTPUT,
        "steps": [{**step, "necessary_for_utility": step["mutates"]} for step in found["steps"]],
        "carries": carries,
        "injectable_vectors": sorted(carries),
        "first_tainted_step": min(tainted, default=None),
        "steps_with_canaries": found["steps_with_canaries"],
    }


def export_injection_task(suite, task, as_text):
    """One attack: the calls that do it. Those that change something, or go out, are what it needs."""
    environment = suite.load_and_inject_default_environment({})
    try:
        calls = task.ground_truth(environment)
    except NotImplementedError:
        calls = []
    steps = run_calls(suite, environment, calls, as_text)
    return {
        "id": task.ID,
        "goal": task.GOAL,
        "steps": [{**step, "necessary_for_attack": step["mutates"]} for step in steps],
        "ground_truth_origin": "upstream" if steps else "none",
        "text_only_goal": not steps,
    }


def export_suite(name, suite, version):
    """One suite as one JSON document."""
    from agentdojo.agent_pipeline.tool_execution import tool_result_to_str

    defaults = {vector: info.default for vector, info in suite.get_injection_vector_defaults().items()} \
        if not all(isinstance(v, str) for v in suite.get_injection_vector_defaults().values()) \
        else dict(suite.get_injection_vector_defaults())
    users = [export_user_task(suite, task, defaults, tool_result_to_str) for task in suite.user_tasks.values()]
    controllable = {}
    for task in users:
        for places in task["carries"].values():
            for carry in places:
                known = controllable.setdefault(carry["function"], set())
                known.update("/".join("*" if part.isdigit() else part for part in pointer.split("/")) for pointer in carry["pointers"])
    return {
        "suite": name,
        "benchmark_version": version,
        "source": "PyPI agentdojo, MIT",
        "canary_format": CANARY,
        "injection_vectors": defaults,
        "environment": json.loads(suite.load_and_inject_default_environment({}).model_dump_json()),
        "tools": [
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters.model_json_schema()}
            for tool in suite.tools
        ],
        "user_tasks": users,
        "injection_tasks": [export_injection_task(suite, task, tool_result_to_str) for task in suite.injection_tasks.values()],
        "attacker_controllable_fields_observed": {tool: sorted(paths) for tool, paths in controllable.items()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for one JSON file per suite")
    parser.add_argument("--version", default="v1.2.2", help="version of the benchmark (default: %(default)s)")
    options = parser.parse_args()
    try:
        from agentdojo.task_suite.load_suites import get_suites
    except ImportError:
        sys.exit("the package `agentdojo` is not installed; run: pip install agentdojo==0.1.35")
    options.out.mkdir(parents=True, exist_ok=True)
    for name, suite in get_suites(options.version).items():
        document = export_suite(name, suite, options.version)
        path = options.out / f"{name}.json"
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        print(f"{path}: {len(document['user_tasks'])} tasks, {len(document['injection_tasks'])} attacks", file=sys.stderr)


if __name__ == "__main__":
    main()
