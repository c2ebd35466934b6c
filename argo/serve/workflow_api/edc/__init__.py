"""The service as the provisioner or the data plane of Eclipse Dataspace Connectors, of three generations."""
