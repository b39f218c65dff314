/* Joining with NVIDIA's library on a machine without a GPU: it is loaded, makes the id of a group,
 * and then refuses to start, which is our one line. The rest of the backend is simulated. */
#include "made_up_ranks.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void real_library(void **state)
{
    (void)state;
    static const char *const places[] = {"libnccl.so.2", "/usr/local/cuda/lib/libnccl.so.2",
                                         "/usr/local/cuda/lib64/libnccl.so.2"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof places / sizeof *places && found == NULL; i++)
        if (dlopen(places[i], RTLD_LAZY | RTLD_LOCAL) != NULL)
            found = places[i];
    if (found == NULL || dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) != NULL) {
        fprintf(stderr, "skipped: %s\n",
                found == NULL ? "NCCL is not installed" : "there is a driver");
        exit(77);
    }
    setenv("LYRNN_NCCL", found, 1);
    assert_string_equal(
        join_refused(0, 1, LYRNN_ERR_UNSUPPORTED),
        "rank 0: NCCL cannot start: Cuda failure 'CUDA driver version is insufficient "
        "for CUDA runtime version'" SEE_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(real_library)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
