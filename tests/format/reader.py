"""Reads a store of format version 1, by docs/format.md alone, with the standard library alone. Never writes.

    python3 reader.py ROOT RUNTIME_ID

Prints the overview, the workers, their transcripts, all contents and all events as one JSON object. Damage is
reported on stderr, as file, byte offset and reason, and ends it with 1.
"""

import hashlib
import json
import os
import re
import sys
import zlib

VERSION = 1
FEATURES = ()
TORN_BYTES_MAX = 8_388_608 + 4_096
ROOM_BYTES_MAX = 262_144
AMOUNTS = (
    "inputTokens", "outputTokens", "cachedTokens", "cacheWriteTokens", "reasoningTokens",
    "requests", "costMicroUsd", "durationMs",
)
MODELS_MAX, SUM_MAX = 256, 2**53 - 1
CHANGES = ("worker.created", "worker.committed")
TRAILER = re.compile(rb',"crc":"([0-9a-f]{8})"}\Z')
DURABLE = re.compile(rb',"durable":([0-9]+)\Z')
SEGMENT = re.compile(r"([0-9]{16})\.jsonl\Z")


class Damage(Exception):
    def __init__(self, file, offset, reason):
        super().__init__(f"{file} @{offset}: {reason}")


def encode_name(identity):
    name = "".join(
        chr(byte) if chr(byte) in "abcdefghijklmnopqrstuvwxyz0123456789_-" else f"~{byte:02x}"
        for byte in identity.encode()
    )
    return f"~{ord(name[0]):02x}{name[1:]}" if re.fullmatch(r"con|prn|aux|nul|com[0-9]|lpt[0-9]", name) else name


def unsealed(line):
    """The bytes that the checksum at the end of a line (without its newline) covers; None if it does not match."""
    trailer = TRAILER.search(line)
    if trailer is None:
        return None
    content = line[: trailer.start()]
    return content if zlib.crc32(content) == int(trailer[1], 16) else None


def check_seal(content, file, fmt, runtime_id):
    if content.get("format") != fmt:
        raise Damage(file, 0, f"it is not a {fmt} file")
    if content["version"] > VERSION:
        raise Damage(file, 0, f"version {content['version']} is newer than {VERSION}")
    unknown = [feature for feature in content.get("requires", []) if feature not in FEATURES]
    if unknown:
        raise Damage(file, 0, f"it requires {', '.join(unknown)}")
    if content["runtimeId"] != runtime_id:
        raise Damage(file, 0, f"it belongs to {content['runtimeId']!r}")
    return content


def read_bytes(directory, file):
    path = os.path.join(directory, *file.split("/"))
    if not os.path.lexists(path):
        return None
    if os.path.islink(path):
        raise Damage(file, 0, "it is a symbolic link")
    with open(path, "rb") as opened:
        return opened.read()


def read_sealed(directory, file, fmt, runtime_id):
    """A sealed file; None if there is none. A checkpoint has line breaks, which its checksum covers, too."""
    found = read_bytes(directory, file)
    if found is None:
        return None
    content = unsealed(found.removesuffix(b"\n"))
    if content is None:
        raise Damage(file, 0, "its checksum does not match")
    return check_seal(json.loads(content + b"}"), file, fmt, runtime_id)


def lines_of(content, offset=0):
    """Offset and bytes of each line, and whether a newline ends it."""
    while offset < len(content):
        end = content.find(b"\n", offset)
        yield offset, content[offset : end if end >= 0 else len(content)], end >= 0
        offset = end + 1 if end >= 0 else len(content)


def parse_line(line):
    """Event (or header) and durable mark of a line of the log; None if it is not intact."""
    content = unsealed(line)
    mark = content and DURABLE.search(content)
    return (json.loads(content[: mark.start()] + b"}"), int(mark[1])) if mark else None


class Log:
    """The log from its first kept segment on: events, the bytes of their lines, and a tail that was never acknowledged."""

    def __init__(self, directory, runtime_id, covered):
        self.events, self.lines, self.tail = [], {}, None
        names = os.listdir(os.path.join(directory, "events"))
        self.segments = sorted(int(found[1]) for found in map(SEGMENT.match, names) if found)
        self.first = self.segments[0]
        self.last = self.first - 1
        for index, first in enumerate(self.segments):
            if first != self.last + 1:
                raise Damage("events", 0, f"events {self.last + 1} to {first - 1} are missing")
            self.read_segment(directory, runtime_id, first, covered, self.segments[index + 1 :])
            if self.tail is not None:
                break
        if self.last < covered:
            raise Damage("events", 0, f"it ends with event {self.last}, a checkpoint covers {covered}")

    def read_segment(self, directory, runtime_id, first, covered, later):
        file = f"events/{first:016d}.jsonl"
        content = without_room(read_bytes(directory, file))
        header_bytes = len(segment_header(runtime_id, first))
        offset = 0
        for offset, line, terminated in lines_of(content):
            found = parse_line(line) if terminated else None
            if offset == 0:
                if found is None:
                    return self.judge(file, content, 0, header_bytes, covered, later)
                check_seal(found[0], file, "worker-runtime/events", runtime_id)
                if found[0]["firstEventId"] != first or found[0]["previousEventId"] != first - 1:
                    raise Damage(file, 0, "its header is of another segment")
                continue
            if found is None or found[0].get("id") != self.last + 1 or found[1] >= found[0]["id"]:
                return self.judge(file, content, offset, 0, covered, later)
            self.last += 1
            self.events.append(found[0])
            self.lines[self.last] = line
        if content == b"":
            self.judge(file, content, 0, header_bytes, covered, later)

    def judge(self, file, content, offset, header_bytes, covered, later):
        """The table of recovery: raises damage, and leaves out bytes that were never acknowledged."""
        wanted = self.last + 1
        behind = [parse_line(line) for _, line, whole in lines_of(content, offset) if whole]
        durable = max([found[1] for found in behind if found] + [first - 1 for first in later], default=0)
        size = len(content) - offset
        for applies, reason in (
            (covered >= wanted, "a checkpoint covers it"),
            (durable >= wanted, "a later line says that it had been synced"),
            (size > TORN_BYTES_MAX, "more bytes follow it than one write can leave"),
            (0 < header_bytes < size, "events follow the header"),
            (bool(later) and later[0] == wanted, "the log goes on in the next segment"),
        ):
            if applies:
                raise Damage(file, offset, f"event {wanted} is damaged: {reason}")
        self.tail = {"file": file, "offset": offset, "bytes": size}


def without_room(content):
    """A segment without its padding: up to the last byte that is not a space."""
    kept = max(0, len(content) - ROOM_BYTES_MAX)
    return content[:kept] + content[kept:].rstrip(b" ")


def segment_header(runtime_id, first):
    head = {"format": "worker-runtime/events", "version": VERSION, "runtimeId": runtime_id, "requires": []}
    head |= {"firstEventId": first, "previousEventId": first - 1, "durable": first - 1, "crc": "00000000"}
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode() + b"\n"


def merge_patch(target, patch):
    """JSON Merge Patch, RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for member, value in patch.items():
        if value is None:
            merged.pop(member, None)
        else:
            merged[member] = merge_patch(merged.get(member), value)
    return merged


def summed(totals, usage):
    return {amount: min(totals[amount] + usage[amount], SUM_MAX) for amount in AMOUNTS}


def add_usage(state, usage):
    by_model, model = state["usageByModel"], usage["model"]
    if model not in by_model and len(by_model.keys() - {"other"}) >= MODELS_MAX - 1:
        model = "other"
    state["usage"] = summed(state["usage"], usage)
    state["usageByModel"] = {**by_model, model: summed(by_model.get(model, dict.fromkeys(AMOUNTS, 0)), usage)}


def end_run(state, at, outcome, source):
    if state["run"] is None:
        return
    reason = {"reason": source["reason"]} if "reason" in source else {}
    kept = state["run"] if outcome == "interrupted" else without_draft(state["run"])
    state["lastRun"] = {**kept, "endedAt": at, "outcome": outcome, **reason}
    state["run"] = None


WHOLE = {"summary": None, "compacted": 0, "ranges": [], "openFrom": 1}


def context_of(state):
    """The sequences of the context, in its order."""
    context = state.get("context", WHOLE)
    ranges = context["ranges"] + [[context["openFrom"], state["transcriptLength"]]]
    summary = [] if context["summary"] is None else [context["summary"]]
    return summary + [number for first, last in ranges for number in range(first, last + 1)]


def change_context(state, change, number):
    """The context after a compaction or a rewind; the transcript does not include the entry of the event yet."""
    length = state["transcriptLength"]
    kept = state.get("context", WHOLE)
    context = {"version": number, "summary": kept["summary"], "compacted": kept["compacted"]}
    ranges = kept["ranges"] + [[kept["openFrom"], length]] * (kept["openFrom"] <= length)
    if "compacted" in change:
        through = change["compacted"]
        ranges = [[max(first, through + 1), last] for first, last in ranges if last > through]
        context |= {"summary": length + 1, "compacted": max(through, kept["compacted"])}
        context |= {"ranges": ranges, "openFrom": length + 2}
    else:
        to = change["rewound"]
        if to == 0:
            context |= {"summary": None, "compacted": 0}
        ranges = [] if to == kept["summary"] else [[first, min(last, to)] for first, last in ranges if first <= to]
        is_open = bool(ranges) and ranges[-1][1] == length
        context |= {"ranges": ranges[:-1] if is_open else ranges}
        context |= {"openFrom": ranges[-1][0] if is_open else length + 1}
    state["context"] = context


def without_draft(run):
    return run and {member: value for member, value in run.items() if member != "draft"}


def change_draft(state, text, number):
    if text is None:
        state["run"] = without_draft(state["run"])
        return
    begun = state["run"].get("draft", {"eventId": number, "bytes": 0})
    draft = {**begun, "bytes": begun["bytes"] + len(text.encode("utf-8", "surrogatepass"))}
    state["run"] = {**state["run"], "draft": draft}


def set_or_remove(state, member, value):
    if value is None:
        state.pop(member, None)
    else:
        state[member] = value


def set_status(state, status, event):
    state["status"] = status
    if status != "running":
        state["lastRun"] = without_draft(state["lastRun"])
    set_or_remove(state, "reason", event.get("reason"))


def change(state, event):
    """The changes of a worker.created or worker.committed, in place."""
    run = event.get("run", {})
    if "began" in run:
        state["run"] = {"runId": event["runId"], "eventId": event["id"], "startedAt": event["at"]}
        state["lastRun"] = without_draft(state["lastRun"])
    elif "ended" in run:
        end_run(state, event["at"], run["ended"], run)
    if "status" in event:
        set_status(state, event["status"], event)
    if "rewound" in event.get("context", {}):
        state["lastRun"] = without_draft(state["lastRun"])
    if "draft" in event and state["run"]:
        change_draft(state, event["draft"], event["id"])
    if "displayName" in event:
        set_or_remove(state, "displayName", event["displayName"])
    for member in ("labels", "data"):
        state[member] = merge_patch(state[member], event.get(member, {}))
    for usage in event.get("usage", []):
        add_usage(state, usage)
    if "context" in event:
        change_context(state, event["context"], event["id"])
    state["transcriptLength"] += event.get("count", 0)


def before(owner):
    """Entries of a worker that are in the base of a fork, by the event that created it or its state."""
    return owner.get("fork", {}).get("seq", 0)


def fold(runtime, workers, event):
    """One event onto the state, in place."""
    kind, at, number = event["type"], event["at"], event["id"]
    runtime.update(lastEventId=number, updatedAt=at)
    if kind == "runtime.created":
        runtime["createdAt"] = at
    elif kind == "runtime.opened":
        runtime["epoch"] = event["epoch"]
    elif kind == "runtime.retired":
        runtime["status"] = "retired"
        for state in workers.values():
            if state["status"] != "retired":
                end_run(state, at, "cancelled", event)
                set_status(state, "retired", event)
                state.update(updatedAt=at, lastEventId=number)
    elif kind == "worker.created":
        workers[event["workerId"]] = {
            "record": event["record"], "labels": {}, "status": "running", "run": None, "lastRun": None, "data": {},
            "transcriptLength": before(event), "usage": dict.fromkeys(AMOUNTS, 0), "usageByModel": {},
            "createdAt": at, "updatedAt": at, "createdEventId": number, "lastEventId": number,
        }
        if "fork" in event:
            fork = dict(event["fork"])
            context = {"context": {"version": number, **fork.pop("context")}} if "context" in fork else {}
            workers[event["workerId"]] |= {"fork": fork, **context}
    state = workers.get(event.get("workerId"))
    if state is None:
        return
    state.update(updatedAt=at, lastEventId=number)
    if kind in CHANGES:
        change(state, event)
        for usage in event.get("usage", []):
            add_usage(runtime, usage)
    elif kind == "worker.purged":
        del workers[event["workerId"]]


def synced_bytes(row):
    return row.get("transcriptSynced", {}).get("bytes", row.get("transcriptBytes", 0))


def read_state(directory, runtime_id):
    """Log, folded state, and how much of each transcript is synced. A log from event 1 on is compared with the checkpoint."""
    checkpoint = read_sealed(directory, "checkpoint.json", "worker-runtime/checkpoint", runtime_id)
    covered = checkpoint["through"] if checkpoint else 0
    log = Log(directory, runtime_id, covered)
    kept, synced = None, {}
    if checkpoint:
        rows = checkpoint["workers"]
        kept = checkpoint["runtime"]["state"], {row["workerId"]: row["snapshot"]["state"] for row in rows}
        synced = {row["createdEventId"]: synced_bytes(row) for row in rows}
    if log.first > 1:
        if kept is None:
            raise Damage("events", 0, f"no checkpoint covers the events before {log.first}")
        (runtime, workers), rest = kept, [event for event in log.events if event["id"] > covered]
        for event in rest:
            fold(runtime, workers, event)
        return log, runtime, workers, synced
    runtime = {"runtimeId": runtime_id, "status": "running", "epoch": 0, "createdAt": "", "updatedAt": ""}
    runtime |= {"lastEventId": 0, "usage": dict.fromkeys(AMOUNTS, 0), "usageByModel": {}}
    workers = {}
    for event in log.events:
        fold(runtime, workers, event)
        if kept and event["id"] == covered and (runtime, workers) != kept:
            raise Damage("checkpoint.json", 0, f"it is not the state after the events through {covered}")
    return log, runtime, workers, synced


def read_transcript(directory, runtime_id, log, state, synced):
    """The entries of a worker: from its file as far as that goes, then from the log. A line in both is the same."""
    worker_id = state["record"]["workerId"]
    file = f"workers/{encode_name(worker_id)}/transcript.jsonl"
    events = []
    for offset, line, terminated in lines_of(read_bytes(directory, file) or b""):
        if offset == 0:
            content = unsealed(line)
            if content is None and synced > 0:
                raise Damage(file, 0, "its checksum does not match")
            if content is None:
                break  # It was being created.
            header = check_seal(json.loads(content + b"}"), file, "worker-runtime/transcript", runtime_id)
            if header["workerId"] != worker_id or header["createdEventId"] != state["createdEventId"]:
                raise Damage(file, 0, "it is of another worker")
            if header.get("before", 0) != before(state):
                raise Damage(file, 0, "it begins after another entry")
            continue
        found = parse_line(line) if terminated else None
        if found is None or line != log.lines.get(found[0]["id"], line):
            if offset < synced:
                raise Damage(file, offset, "a line of it is damaged")
            break  # Not synced yet: the log has it.
        events.append(found[0])
    last = max([state["createdEventId"] - 1] + [event["id"] for event in events])
    events += [
        event for event in log.events
        if event["type"] in CHANGES and "entries" in event and event["workerId"] == worker_id and event["id"] > last
    ]
    entries = read_base(directory, worker_id, state)
    for event in events:
        common = {"at": event["at"], "eventId": event["id"]}
        common |= {"runId": event["runId"]} if "runId" in event else {}
        common |= {"compacted": event["context"]["compacted"]} if "compacted" in event.get("context", {}) else {}
        entries += [{"seq": event["seq"] + n, **common, **entry} for n, entry in enumerate(event["entries"])]
    if [entry["seq"] for entry in entries] != list(range(1, state["transcriptLength"] + 1)):
        raise Damage(file, 0, f"it does not hold the entries 1 to {state['transcriptLength']}")
    return entries


def read_draft(log, state):
    """The text of the draft of the open run, or of the last one; None if it has none."""
    draft = (state["run"] or state["lastRun"] or {}).get("draft")
    if draft is None:
        return None
    parts = [
        event["draft"] for event in log.events
        if event["id"] >= draft["eventId"] and event.get("workerId") == state["record"]["workerId"] and "draft" in event
    ]
    if sum(len(part.encode("utf-8", "surrogatepass")) for part in parts) != draft["bytes"]:
        raise Damage("events", 0, f"they do not have the {draft['bytes']} bytes of the draft")
    # Through UTF-16, where a pair that was divided is one character again.
    return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def read_base(directory, worker_id, state):
    """The entries of a fork that come from another worker. Verifies all blobs of the base."""
    fork = state.get("fork", {})
    if "base" not in fork:
        return []
    index = json.loads(read_blob(directory, worker_id, fork["base"]))
    for ref in index["blobs"]:
        read_blob(directory, worker_id, ref)
    entries = []
    for chunk in index["chunks"]:
        if chunk["seq"] != len(entries) + 1:
            raise Damage(f"workers/{encode_name(worker_id)}", 0, "the base of the fork lacks entries")
        entries += [json.loads(line) for line in read_blob(directory, worker_id, chunk).splitlines()]
    return entries


def read_blob(directory, worker_id, ref):
    """The bytes of a blob, verified."""
    file = f"workers/{encode_name(worker_id)}/blobs/{ref['sha256']}"
    found = read_bytes(directory, file)
    if found is None:
        raise Damage(file, 0, "it is missing")
    if len(found) != ref["bytes"]:
        raise Damage(file, 0, f"it has {len(found)} bytes, not {ref['bytes']}")
    if hashlib.sha256(found).hexdigest() != ref["sha256"]:
        raise Damage(file, 0, "its bytes do not have its hash")
    return found


def read_content(directory, worker_id, entry):
    """The content of an entry, wherever it is. Verifies all blobs of the entry."""
    for ref in entry.get("blobs", []):
        read_blob(directory, worker_id, ref)
    if "contentBlob" in entry:
        return json.loads(read_blob(directory, worker_id, entry["contentBlob"]))
    return entry["content"]


def check_projection(directory, runtime_id, state):
    """The file may lag behind the log. It must be intact, and not ahead of the log."""
    worker_id = state["record"]["workerId"]
    file = f"workers/{encode_name(worker_id)}/worker.json"
    content = read_sealed(directory, file, "worker-runtime/worker", runtime_id)
    if content and (content["workerId"] != worker_id or content["through"] > state["lastEventId"]):
        raise Damage(file, 0, "it is of another worker or time")


def read_store(root, runtime_id):
    directory = os.path.join(root, "runtimes", encode_name(runtime_id))
    identity = read_sealed(directory, "runtime.json", "worker-runtime", runtime_id)
    if identity is None:
        raise Damage("runtime.json", 0, "it is missing")
    read_sealed(directory, "overview.json", "worker-runtime/overview", runtime_id)
    log, runtime, workers, synced = read_state(directory, runtime_id)
    states = list(workers.values())
    counts = {"total": len(states), "busy": sum(state["run"] is not None for state in states)}
    for status in ("running", "stopped", "retired"):
        counts[status] = sum(state["status"] == status for state in states)
    name = identity["config"].get("displayName")
    for state in states:
        check_projection(directory, runtime_id, state)
    transcripts = {
        worker: read_transcript(directory, runtime_id, log, state, synced.get(state["createdEventId"], 0))
        for worker, state in workers.items()
    }
    return {
        "overview": {**runtime, **({} if name is None else {"displayName": name}), "workers": counts},
        "workers": states,
        "transcripts": transcripts,
        "contents": {
            worker: [read_content(directory, worker, entry) for entry in entries]
            for worker, entries in transcripts.items()
        },
        "contexts": {worker: context_of(state) for worker, state in workers.items()},
        "drafts": {worker: read_draft(log, state) for worker, state in workers.items()},
        "events": log.events,
        "tail": log.tail,
    }


if __name__ == "__main__":
    try:
        json.dump(read_store(sys.argv[1], sys.argv[2]), sys.stdout)
    except Damage as damage:
        sys.exit(str(damage))
