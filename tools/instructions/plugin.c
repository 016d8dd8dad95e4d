/* SPDX-License-Identifier: MIT
 * A plugin of qemu-user that counts the instructions of a program and prints how many there were on
 * standard error. Debian has no package with QEMU's header: what is used of it is declared here, as
 * in version 1 of the interface (docs/devel/tcg-plugins.rst of QEMU). */
#include <inttypes.h>
#include <stdio.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
typedef void (*tb_fn)(qemu_plugin_id_t id, struct qemu_plugin_tb *block);
typedef void (*end_fn)(qemu_plugin_id_t id, void *user);

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_fn seen);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation,
                                                     void *counter, uint64_t amount);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, end_fn end, void *user);

#define EXPORTED __attribute__((visibility("default")))
enum { ADD = 0 };

static uint64_t instructions;

static void see_block(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, ADD, &instructions,
                                             qemu_plugin_tb_n_insns(block));
}

static void print(qemu_plugin_id_t id, void *user)
{
    (void)id;
    (void)user;
    fprintf(stderr, "instructions %" PRIu64 "\n", instructions);
}

EXPORTED int qemu_plugin_version = 1;
EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count,
                                 char **arguments);

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count, char **arguments)
{
    (void)info;
    (void)count;
    (void)arguments;
    qemu_plugin_register_vcpu_tb_trans_cb(id, see_block);
    qemu_plugin_register_atexit_cb(id, print, NULL);
    return 0;
}
