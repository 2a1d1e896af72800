"""The plugin contract for Python: the input, the answer, the exit codes. Nothing beyond the standard library."""

import json
import sys

# The exit codes of sysexits.h that say something about a plugin's failure.
FAILED = 1
BAD_INPUT = 64
UNREACHABLE = 69
PLUGIN_MISTAKE = 70
NOT_OURS = 73
TRY_LATER = 75
STRANGE_ANSWER = 76
NOT_ALLOWED = 77


class Failure(Exception):
    """The end of a plugin that did not do what it was asked for: an exit code, and a sentence for people."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code
        self.text = text


class Input:
    """What a plugin was told."""

    def __init__(self, document):
        self.action = document["action"]
        self.key = document["idempotency_key"]
        self.step = document["step"]["id"]
        self.parameters = document.get("parameters") or {}
        self.secrets = document.get("secrets") or {}
        self.outputs = document.get("outputs") or {}
        # Who made what, for marks on things outside.
        self.owner = "pierhead %s/%s" % (document["deployment"]["id"], self.step)

    def parameter(self, name, kind, default=None, required=False):
        """A parameter of a type; the default when it is absent or null."""
        value = self.parameters.get(name)
        if value is None:
            if required:
                raise Failure(BAD_INPUT, "the parameter `%s` is missing" % name)
            return default
        # In Python, true is a number.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise Failure(BAD_INPUT, "the parameter `%s` has the wrong type" % name)
        return value


def log(text):
    print(text, file=sys.stderr, flush=True)


def run(create, destroy=None):
    """Reads the input, calls `create(input)` or `destroy(input)`, which return (text, outputs), and prints the one answer."""
    answering = sys.stdout
    sys.stdout = sys.stderr
    code = 0
    try:
        answer = _act(create, destroy)
    except Failure as failure:
        log(failure.text)
        answer, code = {"success": False, "output": failure.text}, failure.code
    except Exception as error:  # A mistake must be an answer, too.
        import traceback

        traceback.print_exc()
        answer = {"success": False, "output": "the plugin made a mistake: %s" % type(error).__name__}
        code = PLUGIN_MISTAKE
    json.dump(answer, answering)
    answering.write("\n")
    answering.flush()
    sys.exit(code)


def _act(create, destroy):
    try:
        document = json.load(sys.stdin)
        if document.get("version") != 1:
            raise ValueError("version")
        given = Input(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(BAD_INPUT, "the input is not one JSON object of version 1 of the contract") from error
    act = {"create": create, "destroy": destroy}.get(given.action)
    if act is None:
        raise Failure(BAD_INPUT, "the action `%s` is not known to this plugin" % given.action)
    text, outputs = act(given)
    return {"success": True, "output": text, "outputs": outputs}
