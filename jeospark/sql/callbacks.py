"""Calls from the JVM into this process, by who knows the session's secret only."""

from typing import TYPE_CHECKING, Any, cast

from py4j.clientserver import ClientServer
from py4j.java_gateway import JavaObject
from pyspark.sql import SparkSession

if TYPE_CHECKING:
    from py4j.java_gateway import JavaGateway

_IDLE_S = 300
"""How long the JVM keeps a connection that it does not need."""


def allow_callbacks(spark: SparkSession) -> bool:
    """Let the JVM of a session call objects of Python; what Java raises in such a call reaches its caller.

    pyspark opens a port for that too, where it needs one, but whoever reaches it is listened to.

    Args:
        spark: The session.

    Returns:
        False where nothing was done, as threads of Python have none of the JVM to themselves (PYSPARK_PIN_THREAD).
    """
    gateway = cast("JavaGateway", spark.sparkContext._gateway)  # noqa: SLF001
    if not isinstance(gateway, ClientServer):
        return False
    # An attribute that is not there would be looked for in the JVM.
    if vars(gateway).get("_callback_server") is None:
        _listen(gateway)
    gateway.callback_server_parameters.propagate_java_exceptions = True
    return True


def _listen(gateway: "JavaGateway") -> None:
    asked = gateway.callback_server_parameters
    asked.auth_token = gateway.gateway_parameters.auth_token
    asked.eager_load = asked.daemonize = asked.daemonize_connections = True
    asked.port = 0
    gateway.start_callback_server(asked)
    _tell(gateway, gateway.get_callback_server().get_listening_port(), asked.auth_token)


def _tell(gateway: "JavaGateway", port: int, token: str) -> None:
    """Give the JVM port and secret; its own way to another port, which pyspark uses, forgets the secret."""
    java: Any = JavaObject("GATEWAY_SERVER", cast("Any", gateway)._gateway_client)  # noqa: SLF001
    jvm, held = cast("Any", gateway.jvm), java.getGateway()
    before = held.getCallbackClient()
    client = jvm.py4j.PythonClient(
        held, jvm.java.util.ArrayList(), port, before.getAddress(), _IDLE_S, jvm.java.util.concurrent.TimeUnit.SECONDS,
        jvm.javax.net.SocketFactory.getDefault(), java, before.isMemoryManagementEnabled(), before.getReadTimeout(),
        token,
    )  # fmt: skip
    place = held.getClass().getDeclaredField("cbClient")
    place.setAccessible(True)
    place.set(held, client)
