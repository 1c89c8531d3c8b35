"""What a command of a sandbox does with AWS: it signs with what it has in its variables."""

import sys

import boto3
from botocore.config import Config

endpoint, region = sys.argv[1:]


def client(service):
    config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
    return boto3.client(service, endpoint_url=endpoint, region_name=region, config=config)


# A form without a digest of its body, JSON, and S3, which says the digest and has spaces in its path and query.
print("sts", client("sts").get_caller_identity()["Arn"].rsplit("/", 1)[1])
secret = client("secretsmanager").get_secret_value(SecretId="prod/plain")["SecretString"]
print("secret", secret)
s3 = client("s3")
s3.put_object(Bucket="the-bucket", Key="a folder/a+file.txt", Body=b"seventeen bytes..")
listed = s3.list_objects_v2(Bucket="the-bucket", Prefix="a folder/")["Contents"]
print("s3", len(s3.get_object(Bucket="the-bucket", Key=listed[0]["Key"])["Body"].read()), "bytes")
