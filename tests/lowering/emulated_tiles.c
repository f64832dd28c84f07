/* The tile instructions of AMX as functions, after the operations in Intel's manual: palette 1, eight tiles of up to
   16 rows of 64 bytes. Where the processor would raise an exception, the first reason is kept and nothing is done. */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { TILES = 8, ROWS = 16, BYTES = 64 };

typedef struct {
    int rows;
    int colsb;
    int8_t data[ROWS][BYTES];
} Tile;

static _Thread_local int configured;
static _Thread_local Tile tiles[TILES];

static char fault[128];
static int alive;
static long multiplications;

static int fail(const char *instruction, const char *reason)
{
    static int faults;
    if (__atomic_fetch_add(&faults, 1, __ATOMIC_SEQ_CST) == 0 || !fault[0]) {
        snprintf(fault, sizeof fault, "%s: %s", instruction, reason);
    }
    return 1;
}

static int undefined(int tile) { return !configured || tile < 0 || tile >= TILES || !tiles[tile].rows; }

/* What went wrong since the last question; empty if nothing did. */
const char *emulated_fault(void)
{
    static char answer[sizeof fault];
    memcpy(answer, fault, sizeof fault);
    fault[0] = 0;
    return answer;
}

/* Configurations that have not been released, in all threads. */
int emulated_alive(void) { return alive; }

/* How often tdpbssd ran since the last question. */
long emulated_multiplications(void) { return __atomic_exchange_n(&multiplications, 0, __ATOMIC_SEQ_CST); }

int emulated_release(void)
{
    if (configured) {
        __atomic_sub_fetch(&alive, 1, __ATOMIC_SEQ_CST);
    }
    configured = 0;
    memset(tiles, 0, sizeof tiles);
    return 0;
}

int emulated_configure(const uint8_t *memory)
{
    if (memory[0] == 0) {
        return emulated_release();
    }
    if (memory[0] != 1) {
        return fail("ldtilecfg", "unknown palette");
    }
    for (int i = 2; i < 16; i++) {
        if (memory[i]) {
            return fail("ldtilecfg", "reserved byte");
        }
    }
    for (int t = 0; t < 16; t++) {
        int colsb = memory[16 + 2 * t] | memory[17 + 2 * t] << 8, rows = memory[48 + t];
        if (t >= TILES && (colsb || rows)) {
            return fail("ldtilecfg", "tile beyond the palette");
        }
        if (colsb > BYTES || rows > ROWS || !colsb != !rows) {
            return fail("ldtilecfg", "shape of a tile");
        }
    }
    emulated_release();
    for (int t = 0; t < TILES; t++) {
        tiles[t].colsb = memory[16 + 2 * t] | memory[17 + 2 * t] << 8;
        tiles[t].rows = memory[48 + t];
    }
    configured = 1;
    __atomic_add_fetch(&alive, 1, __ATOMIC_SEQ_CST);
    return 0;
}

int emulated_zero(int tile)
{
    if (undefined(tile)) {
        return fail("tilezero", "undefined tile");
    }
    memset(tiles[tile].data, 0, sizeof tiles[tile].data);
    return 0;
}

int emulated_load(int tile, const int8_t *memory, int64_t stride)
{
    if (undefined(tile)) {
        return fail("tileloadd", "undefined tile");
    }
    memset(tiles[tile].data, 0, sizeof tiles[tile].data);
    for (int r = 0; r < tiles[tile].rows; r++) {
        memcpy(tiles[tile].data[r], memory + r * stride, tiles[tile].colsb);
    }
    return 0;
}

int emulated_store(int tile, int8_t *memory, int64_t stride)
{
    if (undefined(tile)) {
        return fail("tilestored", "undefined tile");
    }
    for (int r = 0; r < tiles[tile].rows; r++) {
        memcpy(memory + r * stride, tiles[tile].data[r], tiles[tile].colsb);
    }
    return 0;
}

int emulated_multiply(int total, int left, int right)
{
    if (undefined(total) || undefined(left) || undefined(right)) {
        return fail("tdpbssd", "undefined tile");
    }
    if (total == left || left == right || total == right) {
        return fail("tdpbssd", "a tile named twice");
    }
    Tile *c = &tiles[total], *a = &tiles[left], *b = &tiles[right];
    if (c->colsb % 4 || a->colsb % 4 || a->colsb / 4 != b->rows || c->rows != a->rows || c->colsb != b->colsb) {
        return fail("tdpbssd", "shapes of tiles");
    }
    for (int m = 0; m < c->rows; m++) {
        for (int k = 0; k < a->colsb / 4; k++) {
            for (int n = 0; n < c->colsb / 4; n++) {
                int32_t sum;
                memcpy(&sum, &c->data[m][4 * n], sizeof sum);
                for (int i = 0; i < 4; i++) {
                    sum += (int32_t)a->data[m][4 * k + i] * (int32_t)b->data[k][4 * n + i];
                }
                memcpy(&c->data[m][4 * n], &sum, sizeof sum);
            }
        }
    }
    __atomic_add_fetch(&multiplications, 1, __ATOMIC_SEQ_CST);
    return 0;
}
