ALTER TABLE $table ATTACH PART {part:String}
