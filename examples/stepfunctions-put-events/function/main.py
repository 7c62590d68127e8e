def lambda_handler(event, context):
    print(f"evt_{event['detail']['run']} {event['detail']['Message']}")
