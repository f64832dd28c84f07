// What this machine is.
#ifndef TVM_BNN_HOST_H
#define TVM_BNN_HOST_H

#include <set>
#include <string>

namespace tvm_bnn {

// The instruction set of this program, such as "x86_64".
std::string HostArchitecture();

// Features of the CPU as Linux spells them; empty where the system does not tell.
std::set<std::string> HostFeatures();

// Ask Linux for the tiles of AMX, for all threads of the process; again is harmless. Whether they were granted.
bool RequestTiles();

}  // namespace tvm_bnn

#endif
