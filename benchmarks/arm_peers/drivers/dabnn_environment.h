// What daBNN's convolutions need of the rest of the engine, and no more.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <istream>
#include <limits>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#define FORZS(variable, end, step) for (auto variable = decltype(end){0}; variable < end; variable += (step))
#define FORZ(variable, end) FORZS(variable, end, 1)
#define BNN_ASSERT(condition, ...) \
  if (!(condition)) __builtin_trap();
#define PNT(...)

using css = const std::string;

inline std::string binrep(const void *, size_t, bool) { return {}; }
