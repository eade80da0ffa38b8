"""The model server: models, queue, gRPC and REST together.

  server = Server(ServerConfig(), manager)
  await server.start()
  await server.stop()

The manager loads its first versions before, so that ports open only when there
are models to serve.
"""

import asyncio

from serving.server.config import ServerConfig
from serving.server.grpc_api import GrpcServer
from serving.server.metrics import Metrics
from serving.server.model_manager import ModelManager
from serving.server.predictions import Predictions
from serving.server.rest_api import RestServer
from serving.server.scheduler import Scheduler


class Server:
    """Serves the models of a manager, in one event loop.

    Attributes:
        port: Port of gRPC.
        rest_port: Port of HTTP, or `None`.
    """

    def __init__(self, config: ServerConfig, manager: ModelManager):
        self._scheduler = Scheduler(config.running, config.queued)
        metrics = Metrics(lambda: self._scheduler.waiting)
        predictions = Predictions(
            manager, self._scheduler, metrics, config.max_bytes
        )
        self._grpc = GrpcServer(config, manager, predictions)
        self._rest = None
        if config.rest_port is not None:
            self._rest = RestServer(config, manager, predictions, metrics)
        self.port = self._grpc.port
        self.rest_port: int | None = None

    async def start(self) -> None:
        """Starts serving.

        Raises:
            OSError: A port is in use.
        """
        if self._rest:
            self.rest_port = await self._rest.start()
        await self._grpc.start()

    async def stop(self) -> None:
        """Refuses new requests and waits for the others.

        Requests that are still in the queue after `ServerConfig.grace` seconds
        are cut; running ones finish.
        """
        stops = [self._grpc.stop()]
        if self._rest:
            stops.append(self._rest.stop())
        await asyncio.gather(*stops)
        await self._scheduler.drain()
