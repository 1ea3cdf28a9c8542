"""Custom resources of CloudFormation, which the free LocalStack deploys as nothing: it asks the function that answers for them.

As on AWS, the event goes to the function asynchronously and the answer comes to a presigned S3 address. Unlike there, a resource
that an update replaces is not deleted: what its UpdateReplacePolicy says is not known here.
"""

import json
import time
import uuid

from localstack.services.cloudformation.resource_provider import (
    CloudFormationResourceProviderPlugin,
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
)

TIMEOUT = 300
# Where the model keeps what was declared, beside the attributes that the function answered.
DECLARED = "__declared__"


def as_text(value):
    """CloudFormation hands on all scalars as strings."""
    if isinstance(value, dict):
        return {key: as_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_text(one) for one in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


class CustomResourceProvider(ResourceProvider):
    TYPE = "AWS::CloudFormation::CustomResource"
    SCHEMA = {"primaryIdentifier": ["/properties/PhysicalResourceId"]}

    def create(self, request):
        return self._ask(request, "Create", request.desired_state)

    def update(self, request):
        before = request.previous_state
        return self._ask(
            request,
            "Update",
            request.desired_state,
            PhysicalResourceId=before["PhysicalResourceId"],
            OldResourceProperties=before[DECLARED],
        )

    def delete(self, request):
        before = request.previous_state
        if "PhysicalResourceId" not in before:
            return ProgressEvent(OperationStatus.SUCCESS, resource_model={})
        return self._ask(
            request, "Delete", before[DECLARED], PhysicalResourceId=before["PhysicalResourceId"]
        )

    def _ask(self, request, kind, properties, **more):
        properties = as_text(properties)
        s3 = request.aws_client_factory.s3
        bucket = f"cloudformation-custom-resource-response-{request.region_name.replace('-', '')}"
        place = {"Bucket": bucket, "Key": str(uuid.uuid4())}
        s3.create_bucket(Bucket=bucket)
        event = {
            "RequestType": kind,
            "ResponseURL": s3.generate_presigned_url("put_object", Params=place),
            "StackId": request.stack_id,
            "RequestId": str(uuid.uuid4()),
            "ResourceType": request.resource_type,
            "LogicalResourceId": request.logical_resource_id,
            "ServiceToken": properties["ServiceToken"],
            "ResourceProperties": properties,
            **more,
        }
        if "OldResourceProperties" in event:
            event["OldResourceProperties"] = as_text(event["OldResourceProperties"])
        request.aws_client_factory.lambda_.invoke(
            FunctionName=properties["ServiceToken"], InvocationType="Event", Payload=json.dumps(event)
        )
        answer = self._wait(s3, place, int(properties.get("ServiceTimeout", TIMEOUT)))
        if answer["Status"] != "SUCCESS":
            return ProgressEvent(
                OperationStatus.FAILED, resource_model={}, message=answer.get("Reason", "no reason was given")
            )
        model = {
            **properties,
            **answer.get("Data", {}),
            "PhysicalResourceId": answer["PhysicalResourceId"],
            DECLARED: properties,
        }
        return ProgressEvent(OperationStatus.SUCCESS, resource_model=model)

    def _wait(self, s3, place, timeout):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                answer = json.load(s3.get_object(**place)["Body"])
                s3.delete_object(**place)
                return answer
            except s3.exceptions.NoSuchKey:
                time.sleep(0.1)
        return {"Status": "FAILED", "Reason": f"no answer within {timeout} s"}


class CustomResourceProviderPlugin(CloudFormationResourceProviderPlugin):
    name = "AWS::CloudFormation::CustomResource"

    def load(self):
        self.factory = CustomResourceProvider
