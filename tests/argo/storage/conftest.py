from tests.fixtures_minio import minio as minio
