"""Finds module-level objects that are not safe on several threads."""


FUNCTIONS_MAX = 1000  # that are looked through for one
FINDINGS_MAX = 20

# Types that say in their documentation, or show in use, that one thread at a
# time may have them; with those derived from them.
UNSAFE = {
    "requests.sessions.Session": "a session mixes up its connections and cookies",
    "sqlite3.Connection": "a connection belongs to the thread that made it",
    "sqlite3.Cursor": "a cursor belongs to the thread that made it",
    "http.client.HTTPConnection": "one request at a time goes over a connection",
    "ftplib.FTP": "one command at a time goes over a connection",
    "smtplib.SMTP": "one command at a time goes over a connection",
    "imaplib.IMAP4": "one command at a time goes over a connection",
    "poplib.POP3": "one command at a time goes over a connection",
    "psycopg2.extensions.cursor": "a cursor is for one thread at a time",
    "psycopg.Cursor": "a cursor is for one thread at a time",
    "pymysql.connections.Connection": "one query at a time goes over a connection",
    "MySQLdb.connections.Connection": "one query at a time goes over a connection",
    "mysql.connector.connection.MySQLConnection": "one query at a time goes over it",
    "sqlalchemy.orm.session.Session": "a session is for one thread at a time",
    "boto3.resources.base.ServiceResource": "resources are for one thread each",
    "boto3.session.Session": "a session is for one thread at a time",
    "zipfile.ZipFile": "it has one place in its file",
    "tarfile.TarFile": "it has one place in its file",
    "decimal.Context": "each thread has a context of its own",
}


def unsafe_type(value):
    """The name of the unsafe type that the value is of; None if of none."""
    for kind in type(value).__mro__:
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name in UNSAFE:
            return name
    return None


def findings_of(function):
    """As messages without a job, for what the function and its own functions use."""
    waiting = [function.call]
    seen = set()
    findings = []
    while waiting and len(seen) < FUNCTIONS_MAX and len(findings) < FINDINGS_MAX:
        each = waiting.pop()
        while hasattr(each, "__wrapped__"):
            each = each.__wrapped__
        each = getattr(each, "__func__", each)
        code = getattr(each, "__code__", None)
        if code is None or code in seen:
            continue
        seen.add(code)
        known = each.__globals__
        for name in names_in(code):
            value = known.get(name)
            if getattr(value, "__globals__", None) is known:
                waiting.append(value)
                continue
            kind = unsafe_type(value)
            if kind is not None:
                findings.append(finding(each, known, name, kind))
    return findings


def names_in(code):
    """Globals that the code uses, functions within it included."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            names += names_in(constant)
    return names


def finding(function, known, name, kind):
    file = known.get("__file__") or function.__code__.co_filename
    line = line_of(file, name) or function.__code__.co_firstlineno
    return {
        "type": "finding",
        "code": "shared_object",
        "text": f"'{function.__qualname__}' uses '{name}', a {kind} made once for "
        f"all threads: {UNSAFE[kind]}; make one per thread by "
        f'setup: {{{name}: "module:function"}}',
        "function": function.__qualname__,
        "file": file,
        "line": line,
    }


def line_of(file, name):
    from .source import module_at

    try:
        return module_at(file).assigned.get(name)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
