<?php
header('content-type: text/plain');
echo "Pierhead example: php-plain\n", 'PHP ', PHP_MAJOR_VERSION, "\n";
