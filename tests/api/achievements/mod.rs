mod award;
