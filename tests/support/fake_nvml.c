/* A stand-in for libnvidia-ml.so.1, loaded by the real pynvml.

   Every answer is looked up, at every call, in the text file named by FAKE_NVML. A line is

       nvmlDeviceGetTemperature.1 = 41 | !15 | hang

   function, GPU number where it has one, and the answers of the first, second, … call; the last one repeats. `!n` is an
   NVML error code, `hang` never returns, anything else is the value. A function without a line is NOT_SUPPORTED.
   Compiled with OLD, the newer functions are missing, as in a driver of long ago. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK 0
#define NOT_SUPPORTED 3
#define INSUFFICIENT_SIZE 7

typedef unsigned long long u64;
typedef struct { int number; } *device;
typedef struct { u64 total, free, used; } memory_t;
typedef struct { unsigned gpu, memory; } utilisation_t;
typedef struct { unsigned pid; u64 used; unsigned gpu_instance, compute_instance; } process_t;
typedef struct { unsigned pid; u64 at; unsigned sm, mem, enc, dec; } sample_t;

static struct { int number; } gpus[64];
static struct { char key[96]; int calls; } counters[256];

static int calls_so_far(const char *key) {
    for (int i = 0; i < 256; i++) {
        if (!counters[i].key[0]) snprintf(counters[i].key, sizeof counters[i].key, "%s", key);
        if (!strcmp(counters[i].key, key)) return counters[i].calls++;
    }
    return 0;
}

/* Copies this call's answer into `value` and returns the error code it stands for. */
static int answer(const char *function, int number, char *value, size_t size) {
    char key[96], line[4096];
    if (number < 0) snprintf(key, sizeof key, "%s", function);
    else snprintf(key, sizeof key, "%s.%d", function, number);
    value[0] = 0;
    FILE *file = fopen(getenv("FAKE_NVML"), "r");
    if (!file) return NOT_SUPPORTED;
    int found = 0;
    while (!found && fgets(line, sizeof line, file)) {
        char *equals = strstr(line, " = ");
        if (!equals) continue;
        *equals = 0;
        if (strcmp(line, key)) continue;
        found = 1;
        char *entry = equals + 3, *bar;
        entry[strcspn(entry, "\n")] = 0;
        for (int n = calls_so_far(key); n > 0 && (bar = strstr(entry, " | ")); n--) entry = bar + 3;
        if ((bar = strstr(entry, " | "))) *bar = 0;
        snprintf(value, size, "%s", entry);
    }
    fclose(file);
    if (!found) return NOT_SUPPORTED;
    while (!strcmp(value, "hang")) sleep(1);
    return value[0] == '!' ? atoi(value + 1) : OK;
}

static int text(const char *function, int number, char *out, unsigned size) {
    char value[512];
    int code = answer(function, number, value, sizeof value);
    if (code == OK) snprintf(out, size, "%s", value);
    return code;
}

static int numbers(const char *function, int number, u64 *out, int count) {
    char value[512], *next = value;
    int code = answer(function, number, value, sizeof value);
    for (int i = 0; code == OK && i < count; i++) out[i] = strtoull(next, &next, 10);
    return code;
}

static int one(const char *function, device d, unsigned *out) {
    u64 value;
    int code = numbers(function, d ? d->number : -1, &value, 1);
    if (code == OK) *out = (unsigned)value;
    return code;
}

int nvmlInitWithFlags(unsigned flags) { char v[64]; return answer("nvmlInitWithFlags", -1, v, sizeof v); }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) { return "a fault of the test"; }
int nvmlSystemGetDriverVersion(char *out, unsigned size) { return text("nvmlSystemGetDriverVersion", -1, out, size); }
int nvmlDeviceGetCount_v2(unsigned *count) { return one("nvmlDeviceGetCount", NULL, count); }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, device *out) {
    char value[64];
    int code = answer("nvmlDeviceGetHandleByIndex", (int)index, value, sizeof value);
    gpus[index].number = (int)index;
    *out = (device)&gpus[index];
    return code == NOT_SUPPORTED ? OK : code;
}

int nvmlDeviceGetName(device d, char *out, unsigned size) { return text("nvmlDeviceGetName", d->number, out, size); }
int nvmlDeviceGetUUID(device d, char *out, unsigned size) { return text("nvmlDeviceGetUUID", d->number, out, size); }
int nvmlDeviceGetPowerUsage(device d, unsigned *out) { return one("nvmlDeviceGetPowerUsage", d, out); }
int nvmlDeviceGetTemperature(device d, int sensor, unsigned *out) { return one("nvmlDeviceGetTemperature", d, out); }

int nvmlDeviceGetMemoryInfo(device d, memory_t *out) {
    return numbers("nvmlDeviceGetMemoryInfo", d->number, (u64 *)out, 3);
}

int nvmlDeviceGetUtilizationRates(device d, utilisation_t *out) {
    u64 value[2] = {0, 0};
    int code = numbers("nvmlDeviceGetUtilizationRates", d->number, value, 2);
    out->gpu = (unsigned)value[0];
    out->memory = (unsigned)value[1];
    return code;
}

int nvmlDeviceGetCudaComputeCapability(device d, int *major, int *minor) {
    u64 value[2] = {0, 0};
    int code = numbers("nvmlDeviceGetCudaComputeCapability", d->number, value, 2);
    *major = (int)value[0];
    *minor = (int)value[1];
    return code;
}

#ifndef OLD
int nvmlDeviceGetEnforcedPowerLimit(device d, unsigned *out) { return one("nvmlDeviceGetEnforcedPowerLimit", d, out); }
int nvmlDeviceGetDisplayActive(device d, unsigned *out) { return one("nvmlDeviceGetDisplayActive", d, out); }
int nvmlDeviceGetMaxMigDeviceCount(device d, unsigned *out) { return one("nvmlDeviceGetMaxMigDeviceCount", d, out); }

int nvmlDeviceGetTotalEnergyConsumption(device d, u64 *out) {
    return numbers("nvmlDeviceGetTotalEnergyConsumption", d->number, out, 1);
}

int nvmlDeviceGetMigMode(device d, unsigned *current, unsigned *pending) {
    int code = one("nvmlDeviceGetMigMode", d, current);
    *pending = *current;
    return code;
}

/* The instances of GPU n are numbered 10 (n + 1), 10 (n + 1) + 1, … */
int nvmlDeviceGetMigDeviceHandleByIndex(device d, unsigned index, device *out) {
    char value[64];
    int number = 10 * (d->number + 1) + (int)index;
    int code = answer("nvmlDeviceGetMigDeviceHandleByIndex", number, value, sizeof value);
    gpus[number].number = number;
    *out = (device)&gpus[number];
    return code;
}

/* `pid bytes, pid bytes, …` */
static int processes(const char *function, device d, unsigned *count, process_t *out) {
    char value[512], *next = value;
    int code = answer(function, d->number, value, sizeof value);
    if (code != OK) return code;
    unsigned found = 0, room = *count;
    while (*next) {
        process_t p = {0, 0, 0, 0};
        p.pid = (unsigned)strtoul(next, &next, 10);
        p.used = strtoull(next, &next, 10);
        while (*next == ',' || *next == ' ') next++;
        if (out && found < room) out[found] = p;
        found++;
    }
    *count = found;
    return found > room ? INSUFFICIENT_SIZE : OK;
}

int nvmlDeviceGetComputeRunningProcesses_v3(device d, unsigned *count, process_t *out) {
    return processes("nvmlDeviceGetComputeRunningProcesses", d, count, out);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(device d, unsigned *count, process_t *out) {
    return processes("nvmlDeviceGetGraphicsRunningProcesses", d, count, out);
}

/* `pid per-cent, …`, all of the same moment */
int nvmlDeviceGetProcessUtilization(device d, sample_t *out, unsigned *count, u64 since) {
    process_t found[32];
    unsigned room = 32;
    int code = processes("nvmlDeviceGetProcessUtilization", d, &room, found);
    if (code != OK) return code;
    for (unsigned i = 0; out && i < room; i++) {
        sample_t s = {found[i].pid, 1000000, (unsigned)found[i].used, 0, 0, 0};
        out[i] = s;
    }
    *count = room;
    return out ? OK : INSUFFICIENT_SIZE;
}
#endif
