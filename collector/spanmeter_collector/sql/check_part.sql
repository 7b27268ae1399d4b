-- Whether all files of a part are there and say what they said when they were written.
CHECK TABLE $table PART '$part' SETTINGS check_query_single_value_result = 1
