"""One HTTP request for plugins: http and https only, certificates checked, no redirects, bounded answers."""

import http.client
import ssl
import urllib.parse

import contract

MAX_BODY = 4 << 20


class Unreachable(Exception):
    """No answer: the reason."""


def split(url):
    """The parts of a URL that may be asked, or a failure."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise contract.Failure(contract.BAD_INPUT, "`%s` is not a URL" % url) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise contract.Failure(contract.BAD_INPUT, "`%s` is not an http or https URL" % url)
    if parts.username is not None or parts.password is not None:
        raise contract.Failure(
            contract.BAD_INPUT, "credentials do not belong into a URL: set the header `Authorization`"
        )
    return parts, port


def ask(method, url, headers, body, timeout_s):
    """Asks once: (status, headers, body). Raises Unreachable when there is no answer."""
    parts, port = split(url)
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.hostname, port, timeout=timeout_s, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname, port, timeout=timeout_s)
    try:
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read(MAX_BODY)
    except ssl.SSLCertVerificationError as error:
        raise contract.Failure(
            contract.STRANGE_ANSWER,
            "the certificate of %s is not valid: %s" % (parts.hostname, error.verify_message),
        ) from error
    except (http.client.InvalidURL, ValueError) as error:
        # A method, header or path with characters that do not belong there, such as line breaks.
        raise contract.Failure(contract.BAD_INPUT, "the request cannot be sent: %s" % error) from error
    except (http.client.HTTPException, OSError) as error:
        raise Unreachable("%s (%s)" % (error or type(error).__name__, parts.netloc)) from error
    finally:
        connection.close()
