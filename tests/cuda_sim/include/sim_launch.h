/* cudaLaunchKernelEx and the other calls that are templates on the kernel's type. */
#ifndef LYRNN_SIM_LAUNCH_H
#define LYRNN_SIM_LAUNCH_H

#include <cstring>
#include <memory>
#include <tuple>
#include <type_traits>

#include "sim_runtime_api.h"

/* A kernel with its arguments, which are copied at the launch, as on a device. */
struct lyrnn_sim_call {
    const void *kernel;
    void (*run)(const void *arguments);
    /* Copies the arguments to where PTX has its parameters: each at a multiple of its alignment. */
    void (*pack)(const void *arguments, void *parameters);
    std::shared_ptr<const void> arguments;
    size_t argument_bytes;
};
cudaError_t lyrnn_sim_launch(const cudaLaunchConfig_t *config, const lyrnn_sim_call &call);

template <typename... Parameters> struct lyrnn_sim_arguments {
    void (*kernel)(Parameters...);
    std::tuple<std::decay_t<Parameters>...> values;

    static void run(const void *address)
    {
        const auto *self = static_cast<const lyrnn_sim_arguments *>(address);
        std::apply(self->kernel, self->values);
    }

    static void pack(const void *address, void *parameters)
    {
        const auto *self = static_cast<const lyrnn_sim_arguments *>(address);
        char *to = static_cast<char *>(parameters);
        size_t end = 0;
        auto add = [&](const auto &value) {
            end = (end + alignof(decltype(value)) - 1) / alignof(decltype(value)) *
                  alignof(decltype(value));
            memcpy(to + end, &value, sizeof value);
            end += sizeof value;
        };
        std::apply([&](const auto &...each) { (add(each), ...); }, self->values);
    }
};

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(Parameters...),
                               Arguments &&...arguments)
{
    static_assert(sizeof...(Parameters) == sizeof...(Arguments), "one argument per parameter");
    using holder = lyrnn_sim_arguments<Parameters...>;
    auto held = std::make_shared<const holder>(
        holder{kernel, std::tuple<std::decay_t<Parameters>...>(
                           static_cast<Parameters>(std::forward<Arguments>(arguments))...)});
    return lyrnn_sim_launch(config, {reinterpret_cast<const void *>(kernel), holder::run,
                                     holder::pack, held, sizeof(holder)});
}

template <typename T> cudaError_t cudaMalloc(T **memory, size_t bytes)
{
    return cudaMalloc(reinterpret_cast<void **>(memory), bytes);
}
template <typename T> cudaError_t cudaMallocHost(T **memory, size_t bytes)
{
    return cudaMallocHost(reinterpret_cast<void **>(memory), bytes);
}
template <typename... P>
cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), cudaFuncAttribute attribute, int value)
{
    return cudaFuncSetAttribute(reinterpret_cast<const void *>(kernel), attribute, value);
}
template <typename... P>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, void (*kernel)(P...))
{
    return cudaFuncGetAttributes(attributes, reinterpret_cast<const void *>(kernel));
}
template <typename... P>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void (*kernel)(P...),
                                                          int block_size, size_t dynamic_bytes)
{
    return cudaOccupancyMaxActiveBlocksPerMultiprocessor(
        blocks, reinterpret_cast<const void *>(kernel), block_size, dynamic_bytes);
}
template <typename... P>
cudaError_t cudaOccupancyMaxActiveClusters(int *clusters, void (*kernel)(P...),
                                           const cudaLaunchConfig_t *config)
{
    return cudaOccupancyMaxActiveClusters(clusters, reinterpret_cast<const void *>(kernel), config);
}
template <typename... P>
cudaError_t cudaOccupancyMaxPotentialClusterSize(int *size, void (*kernel)(P...),
                                                 const cudaLaunchConfig_t *config)
{
    return cudaOccupancyMaxPotentialClusterSize(size, reinterpret_cast<const void *>(kernel),
                                                config);
}

#endif
