"""Makes a user with a key, a bucket and two secrets at a fresh moto: six calls. Prints the key's id and the key."""

import sys

import boto3

endpoint, region, plain = sys.argv[1:]


def client(service):
    return boto3.client(service, endpoint_url=endpoint, region_name=region)


iam = client("iam")
iam.create_user(UserName="the-user")
everything = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
)
iam.put_user_policy(UserName="the-user", PolicyName="all", PolicyDocument=everything)
key = iam.create_access_key(UserName="the-user")["AccessKey"]
secrets = client("secretsmanager")
secrets.create_secret(Name="prod/plain", SecretString=plain)
secrets.create_secret(Name="prod/mail", SecretString='{"password": "another horse!", "port": 993}')
client("s3").create_bucket(
    Bucket="the-bucket", CreateBucketConfiguration={"LocationConstraint": region}
)
print(key["AccessKeyId"], key["SecretAccessKey"])
