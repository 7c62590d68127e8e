def lambda_handler(event, context):
    request = event["detail"]["requestParameters"]
    print(f"evt_{request['key']} uploaded to {request['bucketName']}")
