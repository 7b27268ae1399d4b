-- Stop what is being done for one request.
KILL QUERY WHERE Settings['log_comment'] = {asker:String} ASYNC
