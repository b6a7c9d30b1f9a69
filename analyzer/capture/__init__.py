"""Where bytes enter: pcap, pcapng, compressed files, standard input, a live interface."""
