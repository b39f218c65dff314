/* Replaces NVIDIA's libcuda.so.1, and has none of its functions: a machine with a driver that does
 * not work. */
int lyrnn_test_driver;
