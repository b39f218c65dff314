/* What cuda/nccl.cuh declares is what NVIDIA's nccl.h declares. It compiles, or it does not. */
#include <nccl.h>

#include <type_traits>

#include "nccl.cuh"

/* Enums match if they are passed alike, and a struct if it has the same size. */
template <typename Ours, typename Theirs> constexpr bool matches()
{
    if (std::is_enum<Ours>::value || std::is_enum<Theirs>::value)
        return std::is_enum<Ours>::value && std::is_enum<Theirs>::value &&
               sizeof(Ours) == sizeof(Theirs);
    return std::is_same<Ours, Theirs>::value;
}
template <> constexpr bool matches<lyrnn_nccl_id, ncclUniqueId>()
{
    return sizeof(lyrnn_nccl_id) == sizeof(ncclUniqueId) &&
           alignof(lyrnn_nccl_id) == alignof(ncclUniqueId);
}
template <> constexpr bool matches<lyrnn_nccl_id *, ncclUniqueId *>()
{
    return matches<lyrnn_nccl_id, ncclUniqueId>();
}
template <> constexpr bool matches<lyrnn_nccl_result *, ncclResult_t *>()
{
    return matches<lyrnn_nccl_result, ncclResult_t>();
}
template <> constexpr bool matches<lyrnn_nccl_config *, ncclConfig_t *>()
{
    return offsetof(lyrnn_nccl_config, size) == offsetof(ncclConfig_t, size) &&
           offsetof(lyrnn_nccl_config, magic) == offsetof(ncclConfig_t, magic) &&
           offsetof(lyrnn_nccl_config, version) == offsetof(ncclConfig_t, version) &&
           offsetof(lyrnn_nccl_config, blocking) == offsetof(ncclConfig_t, blocking);
}

template <typename OurResult, typename... Ours, typename TheirResult, typename... Theirs>
constexpr bool same_function(OurResult (*)(Ours...), TheirResult (*)(Theirs...))
{
    if constexpr (sizeof...(Ours) == sizeof...(Theirs))
        return matches<OurResult, TheirResult>() && (matches<Ours, Theirs>() && ...);
    return false;
}

static constexpr lyrnn_nccl ours = {};
#define COMPARE(name, result, parameters)                                                          \
    static_assert(same_function(decltype(ours.name)(), static_cast<decltype(&name)>(nullptr)),     \
                  #name " has other parameters");
LYRNN_NCCL_FUNCTIONS(COMPARE)

static constexpr lyrnn_nccl_config our_config = LYRNN_NCCL_CONFIG;
static constexpr ncclConfig_t their_config = NCCL_CONFIG_INITIALIZER;
static_assert(our_config.magic == their_config.magic, "magic");
static_assert(our_config.undefined == NCCL_CONFIG_UNDEF_INT, "undefined");
static_assert(LYRNN_NCCL_OLDEST == NCCL_VERSION(2, 19, 1), "encoding of versions");
static_assert(int(LYRNN_NCCL_SUCCESS) == int(ncclSuccess), "ncclSuccess");
static_assert(int(LYRNN_NCCL_SYSTEM_ERROR) == int(ncclSystemError), "ncclSystemError");
static_assert(int(LYRNN_NCCL_REMOTE_ERROR) == int(ncclRemoteError), "ncclRemoteError");
static_assert(int(LYRNN_NCCL_IN_PROGRESS) == int(ncclInProgress), "ncclInProgress");
static_assert(int(LYRNN_NCCL_FLOAT) == int(ncclFloat32), "ncclFloat32");
