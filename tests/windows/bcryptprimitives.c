/* bcryptprimitives.dll for Wine before version 9, which lacks it; libvips gets random numbers from it. */
#include <windows.h>

#define STEP 65536

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG size);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T size) {
    while (size) {
        ULONG step = size > STEP ? STEP : (ULONG)size;
        if (!SystemFunction036(buffer, step)) return FALSE;
        buffer += step;
        size -= step;
    }
    return TRUE;
}

BOOL WINAPI DllMain(HINSTANCE library, DWORD reason, LPVOID reserved) { return TRUE; }
