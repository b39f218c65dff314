/* Stands in for NVIDIA's libcuda.so.1, of which it has nothing: a machine with a driver that does not work. */
int lyrnn_test_driver;
