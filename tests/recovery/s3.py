"""A stand-in for an S3-compatible service, made by others: moto, in a process of its own."""

import subprocess
import sys
from contextlib import contextmanager
from secrets import token_hex

import boto3
import httpx
import stamina

from pytest_deploy.config.backup import BucketSettings
from pytest_deploy.processes import free_port
from pytest_deploy.recovery.bucket import Bucket
from pytest_deploy.secrets import Secret

ACCESS, SECRET = "AKIA-planted", "s3creto-que-no-sale-del-cubo"


class Service:
    """
    The service, as whoever owns it sees it.

    Args:
        port: Where it listens.
    """

    def __init__(self, port):
        self.port = port
        self._client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="owner",
            aws_secret_access_key="owner",
        )

    def made(self):
        """Make a bucket; give its name."""
        name = f"copias-{token_hex(4)}"
        self._client.create_bucket(Bucket=name)
        return name

    def objects(self, bucket):
        """Give all objects of a bucket."""
        listed = self._client.list_objects_v2(Bucket=bucket).get("Contents", ())
        return {one["Key"]: self.get(bucket, one["Key"]) for one in listed}

    def get(self, bucket, key):
        """Give the content of an object."""
        return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def put(self, bucket, key, content):
        """Replace an object."""
        self._client.put_object(Bucket=bucket, Key=key, Body=content)

    def delete(self, bucket, key):
        """Remove an object."""
        self._client.delete_object(Bucket=bucket, Key=key)


@contextmanager
def serving():
    """Run it for as long as the body runs."""
    port = free_port()
    command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for attempt in stamina.retry_context(on=httpx.TransportError, timeout=60, attempts=None):
            with attempt:
                httpx.get(f"http://127.0.0.1:{port}/moto-api/")
        yield Service(port)
    finally:
        process.kill()
        process.wait()


def bucket_at(port, name, *, prefix="osyris", env="production"):
    """Give what the harness sees of it."""
    settings = BucketSettings(
        name=name,
        prefix=prefix,
        endpoint=f"http://127.0.0.1:{port}",
        access_key=Secret(ACCESS),
        secret_key=Secret(SECRET),
    )
    return Bucket(settings, env)
