"""LocalStack in host mode, without Docker: four plugins.

* a Lambda runtime executor that runs Node functions as child processes
* a hook that makes the gateway listen on GATEWAY_LISTEN's address only (LocalStack binds every interface)
* custom resources of CloudFormation: see custom_resource.py
* a hook for DYNAMODB_ENGINE=dynoxide, whose shard iterators are not ARN-shaped as DynamoDB Local's are
"""

import os

from localstack.runtime import hooks
from plux import Plugin


class ProcessRuntimeExecutorPlugin(Plugin):
    namespace = "localstack.lambda.runtime_executor"
    name = "process"

    def load(self, *args, **kwargs):
        from process_executor.executor import ProcessRuntimeExecutor

        return ProcessRuntimeExecutor


@hooks.on_infra_start()
def bind_gateway_to_its_address():
    from localstack import config
    from twisted.internet import endpoints

    listen = {h.port: h.host for h in config.GATEWAY_LISTEN}
    original = endpoints.TCP4ServerEndpoint

    # Of its own it lets 50 connections wait; clients that open hundreds at once had some of them reset.
    def tcp4(reactor, port, backlog=1024, interface=""):
        return original(reactor, port, backlog, interface or listen.get(port, ""))

    endpoints.TCP4ServerEndpoint = tcp4


@hooks.on_infra_start(should_load=lambda: os.environ.get("DYNAMODB_ENGINE") == "dynoxide")
def tolerate_opaque_shard_iterators():
    from localstack.services.dynamodbstreams.v2.provider import DynamoDBStreamsProvider as Provider

    original = Provider.modify_stream_arn_for_ddb_local
    Provider.modify_stream_arn_for_ddb_local = lambda self, arn: (
        original(self, arn) if arn.startswith("arn:") else arn
    )
