/* A function after decoding: instructions that a warp executes for all of its lanes at once.
 *
 * A register is a row of 32 values, one per lane, so that a loop over the lanes becomes vector
 * instructions. An immediate is a row too, with 32 equal values. */
#ifndef LYRNN_PTX_PROGRAM_H
#define LYRNN_PTX_PROGRAM_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "text.h"

namespace ptx
{

struct Warp;
struct Instruction;

/* One bit per lane. */
using Lanes = uint32_t;
constexpr unsigned num_lanes = 32;
constexpr Lanes all_lanes = 0xffffffffu;

/* Executes an instruction for these lanes of the warp. */
using Handler = void (*)(Warp &warp, const Instruction &instruction, Lanes lanes);

/* Lanes of at most 32 bits take a row of 128 bytes, those of 64 bits two rows. A predicate is a
 * mask of lanes in the first 4 bytes of its row. */
constexpr size_t row_bytes = num_lanes * 4;

struct Operand {
    int32_t row;     /* below 0: ~row is a row of the program's constants */
    int32_t offset;  /* of an address: what is added to the row's values, in bytes */
    bool is_negated; /* `!%p` */
    uint8_t bytes;   /* of the register; a constant has those of its letter */
};

enum class Space : uint8_t { generic, global, shared, local, param, constant };
enum class Order : uint8_t { weak, relaxed, acquire, release, acquire_release };
/* Each holds the ones before it. A weak access has none. */
enum class Scope : uint8_t { none, block, cluster, gpu, system };
constexpr size_t num_scopes = 5;

/* What a memory instruction does, from its mnemonic. */
struct Access {
    Space space;
    Order order;
    Scope scope;          /* none: weak */
    uint8_t bytes, count; /* of an element; elements per lane */
    bool is_signed;       /* a narrow value is extended by its sign */
    bool is_read_only;    /* .nc: nobody writes it during the launch */
    bool is_cluster;      /* .shared::cluster: also that of other blocks */
};

enum class Kind : uint8_t {
    plain,  /* changes registers or memory only */
    branch, /* goes to its target */
    exit,   /* ends its lanes */
    meeting /* all lanes of a group take part, and may have to wait; see warp.h */
};

struct Instruction {
    Handler handler;
    const Operand *operands;
    uint32_t target; /* of a branch: the number of an instruction */
    Kind kind;
    bool has_guard;
    Operand guard;
    Access access;
    uint16_t variant;           /* for handlers that serve several mnemonics */
    uint8_t num_operands;       /* flattened */
    const Statement *statement; /* for reports */
};

/* How an instruction is executed, and the kinds of its operands, one letter each:
 *   h w d  16, 32 and 64 bits; also immediates
 *   p      a predicate, which may be negated
 *   P      a predicate that may be missing: the `|%p` behind the operand before it
 *   W      32 bits that may be missing. What is missing has 0 bytes
 *   a      an address, [%rd1+8]
 * Vectors are flattened: `{%r1,%r2}` is "ww". */
struct Form {
    Handler handler;
    std::string operands;
    Kind kind = Kind::plain;
    uint16_t variant = 0;
    Access access = {};
};
using Forms = std::map<std::string, Form>;

/* Each adds the forms of its file, by their full mnemonics. */
void add_integer_forms(Forms *forms);
void add_float_forms(Forms *forms);
void add_conversion_forms(Forms *forms);
void add_comparison_forms(Forms *forms);
void add_move_forms(Forms *forms);
void add_warp_forms(Forms *forms);
void add_matrix_forms(Forms *forms);
void add_barrier_forms(Forms *forms);
void add_address_forms(Forms *forms);
void add_mbarrier_forms(Forms *forms);
void add_copy_forms(Forms *forms);
/* Returns the form of a mnemonic, or NULL. */
const Form *find_form(const std::string &mnemonic);
const Forms &all_forms();
/* Loads, stores and atomics have too many mnemonics for a table. These read one, and return whether
 * they know it. */
bool memory_form(const std::string &mnemonic, Form *form);
bool atomic_form(const std::string &mnemonic, Form *form);
/* Reads the words that they share. *type becomes the name of the type. */
bool read_memory_words(const std::vector<std::string> &words, Access *access, std::string *type);

/* The registers that a warp finds filled when it begins. */
enum Special : unsigned {
    SPECIAL_TID_X,
    SPECIAL_TID_Y,
    SPECIAL_TID_Z,
    SPECIAL_NTID_X,
    SPECIAL_NTID_Y,
    SPECIAL_NTID_Z,
    SPECIAL_CTAID_X,
    SPECIAL_CTAID_Y,
    SPECIAL_CTAID_Z,
    SPECIAL_NCTAID_X,
    SPECIAL_NCTAID_Y,
    SPECIAL_NCTAID_Z,
    SPECIAL_LANEID,
    SPECIAL_WARPID,
    SPECIAL_NWARPID,
    SPECIAL_SMID,
    SPECIAL_NSMID,
    SPECIAL_LANEMASK_EQ,
    SPECIAL_LANEMASK_LE,
    SPECIAL_LANEMASK_LT,
    SPECIAL_LANEMASK_GE,
    SPECIAL_LANEMASK_GT,
    SPECIAL_CLUSTERID_X,
    SPECIAL_CLUSTERID_Y,
    SPECIAL_CLUSTERID_Z,
    SPECIAL_NCLUSTERID_X,
    SPECIAL_NCLUSTERID_Y,
    SPECIAL_NCLUSTERID_Z,
    SPECIAL_CLUSTER_CTAID_X,
    SPECIAL_CLUSTER_CTAID_Y,
    SPECIAL_CLUSTER_CTAID_Z,
    SPECIAL_CLUSTER_NCTAID_X,
    SPECIAL_CLUSTER_NCTAID_Y,
    SPECIAL_CLUSTER_NCTAID_Z,
    SPECIAL_CLUSTER_CTARANK,
    SPECIAL_CLUSTER_NCTARANK,
    SPECIAL_DYNAMIC_SMEM_SIZE,
    SPECIAL_ENVREG1,
    SPECIAL_ENVREG2, /* the high and the low half of the grid's barrier */
    NUM_SPECIALS
};

/* An array in shared memory. The dynamic one has 0 bytes here: each launch has its own size. */
struct SharedArray {
    std::string name;
    uint32_t offset; /* in the block's window */
    uint32_t bytes;
    bool is_dynamic;
};

/* The first bytes of a block's window belong to the system. */
constexpr uint32_t shared_window_begin = 1024;

struct Program {
    std::string name, module_name;
    Function function; /* with the functions that it calls put in */
    std::vector<Instruction> instructions;
    std::vector<Operand> operands;
    std::vector<uint64_t> constants; /* rows */
    uint32_t num_rows;               /* of registers; the first NUM_SPECIALS are the specials */
    std::vector<SharedArray> shared;
    uint32_t local_bytes;             /* of each thread */
    std::vector<uint64_t> parameters; /* of the launch, which fills them */
    uint32_t parameter_bytes;
    unsigned max_threads; /* 0: not limited */
};

/* Decodes the entry `name` of the module. Throws Error, also for an instruction that is unknown. */
std::unique_ptr<Program> decode(const Module &module, const std::string &name);

} // namespace ptx

#endif
