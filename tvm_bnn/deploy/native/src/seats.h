// Threads on which networks are computed.
//
// TVM's runtime keeps workers for every thread that has ever called it until the process ends. A program may start a
// thread for each picture, so calls are made by threads that stay for the next call.
#ifndef TVM_BNN_SEATS_H
#define TVM_BNN_SEATS_H

#include <functional>

namespace tvm_bnn {

// Run a function on a thread that lives as long as the process, and wait for it: on this one if it is the main thread,
// else on one that nobody uses just now. What the function throws is thrown here.
void OnLastingThread(const std::function<void()>& function);

}  // namespace tvm_bnn

#endif
