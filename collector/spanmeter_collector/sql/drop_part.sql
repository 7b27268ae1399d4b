ALTER TABLE $table DROP PART '$part'
